//! [`Queue`]: the few actions a machine has decided on and its driver has not yet carried out. It lives inside
//! the machine: no input leads to more than a handful, so it needs no memory of its own.

const ROOM: usize = 8;

#[derive(Debug, Clone)]
pub(crate) struct Queue<T: Copy> {
    items: [Option<T>; ROOM],
    first: u8,
    count: u8,
}

impl<T: Copy> Default for Queue<T> {
    fn default() -> Self {
        Self { items: [None; ROOM], first: 0, count: 0 }
    }
}

impl<T: Copy + std::fmt::Debug> Queue<T> {
    /// Appends. A driver polls the queue dry after every input; more than `ROOM` at once is a mistake of the
    /// machine, which the simulation looks for.
    pub(crate) fn push(&mut self, item: T) {
        debug_assert!((self.count as usize) < ROOM, "actions were not polled: {:?}", self.items);
        let at = (self.first as usize + self.count as usize) % ROOM;
        if let Some(slot @ None) = self.items.get_mut(at) {
            *slot = Some(item);
            self.count += 1;
        }
    }

    pub(crate) fn pop(&mut self) -> Option<T> {
        let item = self.items.get_mut(self.first as usize)?.take()?;
        self.first = ((self.first as usize + 1) % ROOM) as u8;
        self.count -= 1;
        Some(item)
    }
}

#[cfg(test)]
mod tests {
    use super::{Queue, ROOM};

    #[test]
    fn what_came_first_goes_first_however_often_it_goes_round() {
        let mut queue = Queue::default();
        let (mut pushed, mut popped) = (0, 0);
        for burst in (0..=ROOM).cycle().take(10 * ROOM) {
            for _ in 0..burst {
                queue.push(pushed);
                pushed += 1;
            }
            while let Some(item) = queue.pop() {
                assert_eq!(item, popped);
                popped += 1;
            }
            assert_eq!(popped, pushed);
        }
    }

    #[test]
    fn pushing_between_two_pops_keeps_the_order() {
        let mut queue = Queue::default();
        queue.push('a');
        queue.push('b');
        assert_eq!(queue.pop(), Some('a'));
        queue.push('c');
        assert_eq!([queue.pop(), queue.pop(), queue.pop()], [Some('b'), Some('c'), None]);
    }

    #[test]
    #[cfg_attr(debug_assertions, should_panic(expected = "actions were not polled"))]
    fn more_than_it_has_room_for_is_a_mistake() {
        let mut queue = Queue::default();
        (0..=ROOM).for_each(|item| queue.push(item));
        let kept: Vec<usize> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(kept, (0..ROOM).collect::<Vec<_>>());
    }
}
