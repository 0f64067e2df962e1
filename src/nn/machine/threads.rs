//! How candle's own element-wise operations use threads.

/// Keep candle's element-wise operations on the calling thread unless `CANDLE_NUM_THREADS` says otherwise.
///
/// candle splits them over a pool whose waiting threads spin. Where another process wants the cores (or there are fewer
/// than the pool believes) the spinning ate two thirds of all CPU time; matrix products, convolutions and our own
/// kernels use rayon, which sleeps, and are not affected. Call it first thing in `main`.
pub fn leave_elementwise_work_to_one_thread() {
    const VARIABLE: &str = "CANDLE_NUM_THREADS";
    if std::env::var_os(VARIABLE).is_none() {
        // SAFETY: called at the start of `main`, before any thread exists that could read the environment.
        unsafe { std::env::set_var(VARIABLE, "1") };
    }
}
