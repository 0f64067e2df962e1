//! The pickles inside torch.save files, read as data.
//!
//! Objects are nodes in one list that refer to each other by number, so that memory grows with the length of the file and
//! nothing else: no value is copied when it is recalled, no length is believed before the bytes are there, and no walk recurses.
//! (candle's reader copies a remembered object each time, which a short file can blow up without bound, and takes arguments of
//! missing tuples.) Nothing is called: a call stays a node that says what would have been called.

use crate::error::{Error, Result};

/// Longest pickle that is read, bytes. The largest real one, a transformer with its optimiser, has under 200 KB.
pub const MAX_PICKLE_BYTES: u64 = 16 << 20;
/// Most objects in one pickle.
const MAX_NODES: usize = 1 << 20;

/// Number of a node in a [`Pickle`].
pub type Id = usize;

/// One object.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// Name of a class or function: module, name.
    Global(String, String),
    /// Whole number.
    Int(i64),
    /// Floating-point number.
    Float(f64),
    /// Text.
    Text(String),
    /// Truth value.
    Bool(bool),
    /// Nothing.
    None,
    /// Fixed sequence.
    Tuple(Vec<Id>),
    /// Growing sequence.
    List(Vec<Id>),
    /// Pairs of key and value, in order.
    Dict(Vec<(Id, Id)>),
    /// A call that was not made: what, with which arguments.
    Call(Id, Id),
    /// A reference to something outside the pickle, here a storage.
    Persistent(Id),
}

/// A pickle, taken apart.
#[derive(Debug)]
pub struct Pickle {
    nodes: Vec<Node>,
    root: Id,
}

impl Pickle {
    /// The object that was pickled.
    pub fn root(&self) -> &Node {
        &self.nodes[self.root]
    }

    /// The object with number `id`, which came from a node of this pickle.
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id]
    }

    /// The value under a text key, if `node` is a dictionary that has it.
    pub fn entry(&self, node: &Node, key: &str) -> Option<&Node> {
        let Node::Dict(pairs) = node else { return None };
        // A later entry replaces an earlier one of the same key.
        let is = |id: Id| matches!(self.node(id), Node::Text(text) if text == key);
        pairs.iter().rev().find(|(k, _)| is(*k)).map(|(_, v)| self.node(*v))
    }

    /// Take a pickle apart. Understands what torch.save writes (protocol 2) and refuses the rest by name.
    pub fn parse(data: &[u8]) -> Result<Self> {
        let mut machine = Machine {
            input: data,
            nodes: Vec::new(),
            stack: Vec::new(),
            marks: Vec::new(),
            memo: Memo::new(),
        };
        while !machine.step()? {}
        let root = machine.pop()?;
        Ok(Self { nodes: machine.nodes, root })
    }
}

type Memo = std::collections::HashMap<u32, Id>;

struct Machine<'a> {
    input: &'a [u8],
    nodes: Vec<Node>,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: Memo,
}

impl Machine<'_> {
    /// Execute one opcode; true at the end of the pickle.
    fn step(&mut self) -> Result<bool> {
        match self.byte()? {
            0x80 => drop(self.byte()?), // protocol
            b'.' => return Ok(true),
            b'(' => self.marks.push(self.stack.len()),
            b'N' => self.push(Node::None)?,
            0x88 => self.push(Node::Bool(true))?,
            0x89 => self.push(Node::Bool(false))?,
            b'K' => {
                let value = self.byte()?;
                self.push(Node::Int(value.into()))?;
            }
            b'M' => {
                let value = u16::from_le_bytes(self.array()?);
                self.push(Node::Int(value.into()))?;
            }
            b'J' => {
                let value = i32::from_le_bytes(self.array()?);
                self.push(Node::Int(value.into()))?;
            }
            0x8a => {
                let value = self.long()?;
                self.push(Node::Int(value))?;
            }
            b'G' => {
                let value = f64::from_be_bytes(self.array()?);
                self.push(Node::Float(value))?;
            }
            b'X' => {
                let length = u32::from_le_bytes(self.array()?);
                let text = self.text(length as usize)?;
                self.push(Node::Text(text))?;
            }
            b'c' => {
                let global = Node::Global(self.line()?, self.line()?);
                self.push(global)?;
            }
            b')' => self.push(Node::Tuple(Vec::new()))?,
            0x85 => self.tuple(1)?,
            0x86 => self.tuple(2)?,
            0x87 => self.tuple(3)?,
            b't' => {
                let items = self.pop_to_mark()?;
                self.push(Node::Tuple(items))?;
            }
            b']' => self.push(Node::List(Vec::new()))?,
            b'a' => {
                let item = self.pop()?;
                self.extend(vec![item])?;
            }
            b'e' => {
                let items = self.pop_to_mark()?;
                self.extend(items)?;
            }
            b'}' => self.push(Node::Dict(Vec::new()))?,
            b'd' => {
                let pairs = pairs(self.pop_to_mark()?)?;
                self.push(Node::Dict(pairs))?;
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set_items(vec![(key, value)])?;
            }
            b'u' => {
                let pairs = pairs(self.pop_to_mark()?)?;
                self.set_items(pairs)?;
            }
            b'Q' => {
                let id = self.pop()?;
                self.push(Node::Persistent(id))?;
            }
            b'R' | 0x81 => {
                let arguments = self.pop()?;
                let callable = self.pop()?;
                self.call(callable, arguments)?;
            }
            // Sets the state of the object below; ours have none that matters (`_metadata` of state dicts).
            b'b' => {
                self.pop()?;
                self.top()?;
            }
            b'q' => {
                let key = self.byte()?;
                self.remember(key.into())?;
            }
            b'r' => {
                let key = u32::from_le_bytes(self.array()?);
                self.remember(key)?;
            }
            b'h' => {
                let key = self.byte()?;
                self.recall(key.into())?;
            }
            b'j' => {
                let key = u32::from_le_bytes(self.array()?);
                self.recall(key)?;
            }
            other => {
                return Err(damaged(&format!(
                    "it uses pickle operation {other:#04x}, which torch.save does not"
                )));
            }
        }
        Ok(false)
    }

    fn push(&mut self, node: Node) -> Result<()> {
        if self.nodes.len() >= MAX_NODES {
            return Err(damaged("it holds more than a million objects"));
        }
        self.nodes.push(node);
        self.stack.push(self.nodes.len() - 1);
        Ok(())
    }

    fn pop(&mut self) -> Result<Id> {
        // Never below the last mark: that belongs to whoever set it.
        if self.stack.len() <= self.marks.last().copied().unwrap_or(0) {
            return Err(damaged("its stack runs empty"));
        }
        self.stack.pop().ok_or_else(|| damaged("its stack runs empty"))
    }

    fn top(&self) -> Result<Id> {
        self.stack.last().copied().ok_or_else(|| damaged("its stack runs empty"))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>> {
        let mark = self.marks.pop().ok_or_else(|| damaged("it closes what was not opened"))?;
        Ok(self.stack.split_off(mark))
    }

    fn tuple(&mut self, length: usize) -> Result<()> {
        let mut items = (0..length).map(|_| self.pop()).collect::<Result<Vec<Id>>>()?;
        items.reverse();
        self.push(Node::Tuple(items))
    }

    fn extend(&mut self, items: Vec<Id>) -> Result<()> {
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::List(list) => list.extend(items),
            Node::Call(..) => {}
            _ => return Err(damaged("it appends to what is not a list")),
        }
        Ok(())
    }

    fn set_items(&mut self, pairs: Vec<(Id, Id)>) -> Result<()> {
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::Dict(dict) => dict.extend(pairs),
            // Items of objects that stay unmade, such as a scheduler's Counter.
            Node::Call(..) => {}
            _ => return Err(damaged("it sets items of what is not a dictionary")),
        }
        Ok(())
    }

    fn call(&mut self, callable: Id, arguments: Id) -> Result<()> {
        let ordered = matches!(&self.nodes[callable], Node::Global(module, name)
            if module == "collections" && matches!(name.as_str(), "OrderedDict" | "defaultdict"));
        self.push(if ordered { Node::Dict(Vec::new()) } else { Node::Call(callable, arguments) })
    }

    fn remember(&mut self, key: u32) -> Result<()> {
        let top = self.top()?;
        self.memo.insert(key, top);
        Ok(())
    }

    fn recall(&mut self, key: u32) -> Result<()> {
        let id = *self.memo.get(&key).ok_or_else(|| damaged("it recalls what was not remembered"))?;
        self.stack.push(id);
        Ok(())
    }

    fn take(&mut self, count: usize) -> Result<&[u8]> {
        let (head, tail) = self.input.split_at_checked(count).ok_or_else(|| damaged("it is cut short"))?;
        self.input = tail;
        Ok(head)
    }

    fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    fn text(&mut self, length: usize) -> Result<String> {
        let bytes = self.take(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| damaged("it holds text that is not UTF-8"))
    }

    fn line(&mut self) -> Result<String> {
        let length = self.input.iter().position(|b| *b == b'\n').ok_or_else(|| damaged("it is cut short"))?;
        let text = self.text(length)?;
        self.byte()?;
        Ok(text)
    }

    /// Little-endian two's complement of up to eight bytes.
    fn long(&mut self) -> Result<i64> {
        let count = usize::from(self.byte()?);
        if count > 8 {
            return Err(damaged("it holds a number of more than 64 bits"));
        }
        let bytes = self.take(count)?;
        let negative = bytes.last().is_some_and(|b| b & 0x80 != 0);
        let mut all = [if negative { 0xff } else { 0 }; 8];
        all[..count].copy_from_slice(bytes);
        Ok(i64::from_le_bytes(all))
    }
}

fn pairs(items: Vec<Id>) -> Result<Vec<(Id, Id)>> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(damaged("it has a key without a value"));
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}

fn damaged(what: &str) -> Error {
    Error::corrupt("pickle", format!("the checkpoint's table of contents cannot be read: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn state_dicts_and_counters_are_understood() {
        // {"a": OrderedDict with "x": 1, "b": Counter({50: 1}), 3.5: (True, None)}
        let mut data = b"\x80\x02}q\x00(X\x01\x00\x00\x00accollections\nOrderedDict\nq\x01)Rq\x02".to_vec();
        data.extend(b"X\x01\x00\x00\x00xK\x01s}X\x09\x00\x00\x00_metadatah\x02sb");
        data.extend(b"X\x01\x00\x00\x00bccollections\nCounter\n}(K2K\x01u\x85R");
        data.extend(b"G\x40\x0c\x00\x00\x00\x00\x00\x00\x88N\x86u.");
        let pickle = Pickle::parse(&data).unwrap();
        let a = pickle.entry(pickle.root(), "a").unwrap();
        assert_eq!(pickle.entry(a, "x"), Some(&Node::Int(1)));
        assert!(matches!(pickle.entry(pickle.root(), "b"), Some(Node::Call(..))));
        assert_eq!(pickle.entry(pickle.root(), "c"), None);
        assert_eq!(pickle.entry(&Node::None, "a"), None);
    }

    #[test]
    fn long_numbers_have_their_sign() {
        for (bytes, value) in
            [(&b"\x8a\x01\xff."[..], -1), (b"\x8a\x00.", 0), (b"\x8a\x03\x00\x00\x01.", 65536)]
        {
            assert_eq!(Pickle::parse(bytes).unwrap().root(), &Node::Int(value));
        }
    }

    /// Each of these has brought some reader down.
    #[test]
    fn hostile_pickles_are_refused() {
        let deep: Vec<u8> = [b")".to_vec(), vec![0x85; 2 << 20], b".".to_vec()].concat();
        let doubling: Vec<u8> = [b")q\x00".to_vec(), b"h\x00h\x00\x86q\x000".repeat(5)].concat();
        for data in [
            &b""[..],
            b".",
            b"R.",
            b"(.",
            b"(K\x01R.",
            b"u.",
            b"K\x01(u.",
            b"}(K\x01u.",
            b"h\x07.",
            b"q\x00.",
            b"X\xff\xff\xff\xffab.",
            b"X\x02\x00\x00\x00\xff\xfe.",
            b"cos\nsystem",
            b"\x8a\xff.",
            b"iposix\nsystem\n.",
            &deep,
            &doubling,
        ] {
            let error = Pickle::parse(data).map(|p| p.root).unwrap_err();
            assert_eq!(error.code(), "pickle", "{error}");
        }
        // Calls are named, never made.
        let call = Pickle::parse(b"cposix\nsystem\nX\x04\x00\x00\x00true\x85R.").unwrap();
        assert!(matches!(call.root(), Node::Call(..)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(data in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Pickle::parse(&data);
        }

        #[test]
        fn no_operations_panic(
            data in proptest::collection::vec(proptest::sample::select(&b"(.NK)t]ae}dsuQRbqh\x80\x81\x85\x86\x87\x88"[..]), 0..80),
        ) {
            let _ = Pickle::parse(&data);
        }
    }
}
