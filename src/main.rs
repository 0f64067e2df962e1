//! The `duet` program.

/// Tensors come and go by the megabyte; the system allocator would hand each back to the kernel and fault it in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    duet::nn::machine::threads::leave_elementwise_work_to_one_thread();
    duet::cli::main()
}
