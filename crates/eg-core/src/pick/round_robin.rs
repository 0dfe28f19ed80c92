//! Each usable endpoint in turn. An endpoint that is not usable passes its turn to the next one, and the turn
//! after that goes on behind it: nobody is served twice in a row because a neighbour is down. It refuses to know
//! weights.

use std::sync::Arc;

use crate::snapshot::Endpoint;

/// `cursor`: whose turn it is, as a place in `endpoints`; any number is one.
pub(super) fn pick<'a>(
    endpoints: &'a [Arc<Endpoint>],
    cursor: &mut u32,
    usable: impl Fn(&Endpoint) -> bool,
) -> Option<&'a Arc<Endpoint>> {
    let first = (*cursor as usize).checked_rem(endpoints.len())?;
    let (before, from) = endpoints.split_at(first);
    let (steps, picked) = from.iter().chain(before).enumerate().find(|(_, endpoint)| usable(endpoint))?;
    *cursor = ((first + steps + 1) % endpoints.len()) as u32;
    Some(picked)
}

#[cfg(test)]
mod tests {
    use crate::pick::{Policy, Tried, pick};
    use crate::snapshot::fixture;

    /// Who is picked among `a` to `d`, from a cursor on.
    fn turns(down: &[usize], mut cursor: u32, picks: usize) -> String {
        let pool = fixture::pool_of(Policy::RoundRobin, 4);
        for at in down {
            pool.endpoints[*at].state.set_healthy(false);
        }
        (0..picks)
            .filter_map(|_| pick(&pool, &mut cursor, &Tried::default()))
            .map(|it| it.name.as_str())
            .collect()
    }

    #[test]
    fn turns_go_round() {
        assert_eq!(turns(&[], 0, 9), "abcdabcda");
        assert_eq!(turns(&[], 2, 5), "cdabc");
        assert_eq!(turns(&[], u32::MAX, 3), "dab");
    }

    #[test]
    fn the_neighbour_of_a_sick_endpoint_is_not_served_twice_in_a_row() {
        assert_eq!(turns(&[1], 0, 7), "acdacda");
        assert_eq!(turns(&[0, 3], 3, 4), "bcbc");
    }

    #[test]
    fn nobody_usable_does_not_move_the_turn() {
        let pool = fixture::pool_of(Policy::RoundRobin, 3);
        let mut cursor = 1;
        for endpoint in &pool.endpoints {
            endpoint.state.set_healthy(false);
        }
        assert!(pick(&pool, &mut cursor, &Tried::default()).is_none());
        for endpoint in &pool.endpoints {
            endpoint.state.set_healthy(true);
        }
        assert_eq!(pick(&pool, &mut cursor, &Tried::default()).map(|it| it.name.as_str()), Some("b"));
    }

    #[test]
    fn another_attempt_goes_to_the_next_endpoint_and_the_turn_goes_on_behind_it() {
        let pool = fixture::pool_of(Policy::RoundRobin, 4);
        let (mut cursor, mut tried) = (0, Tried::default());
        tried.add(pick(&pool, &mut cursor, &tried).expect("all are usable").id);
        let names: String = (0..3)
            .filter_map(|_| pick(&pool, &mut cursor, &tried))
            .map(|endpoint| endpoint.name.as_str())
            .collect();
        assert_eq!(names, "bcd");
    }
}
