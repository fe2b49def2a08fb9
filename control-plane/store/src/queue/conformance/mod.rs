//! The suite that every engine must pass: `cases` say what must hold, `steps` compares an engine with the model.

pub mod cases;
mod driver;
mod steps;
mod world;

pub use driver::{Deaf, Driver, Engine, ModelEngine};
pub use steps::{Step, compare, steps};
pub use world::World;

/// Makes one test of each case for the engine that the expression gives (it is evaluated anew for each).
#[macro_export]
macro_rules! queue_conformance {
    ($engine:expr) => {
        $crate::queue_conformance! { @each $engine;
            a_message_gets_the_next_number_and_reads_back_as_it_was_sent
            rooms_number_their_entries_apart
            operations_handed_in_together_count_in_their_order
            the_same_id_gets_the_same_answer_for_thirty_days
            the_same_id_of_another_device_is_another_message
            of_two_handshakes_for_one_epoch_the_first_wins
            a_message_of_a_shut_out_epoch_is_refused
            a_commit_takes_effect_as_a_whole
            inbox_numbers_are_never_used_twice
            a_welcome_and_its_tree_go_when_all_joiners_have_it
            a_package_is_given_once_and_the_last_resort_again
            of_whose_packages_are_kept_the_last_resort_is_given_where_there_is_one
            no_package_is_given_that_ends_too_soon
            a_pool_takes_two_hundred_packages_and_no_more
            a_pool_that_is_replaced_holds_nothing_of_before
            a_last_resort_that_has_ended_is_none
            cursors_only_move_forward_and_not_past_the_end
            a_removed_device_gets_the_commit_that_removed_it_and_nothing_after
            what_has_expired_is_not_read_whether_purged_or_not
            numbers_are_not_used_again_after_the_newest_entries_were_purged
            time_never_goes_back_even_when_the_clock_does
            a_clock_that_leaps_a_day_ahead_and_comes_back_costs_nothing
            a_clock_that_stands_ahead_is_believed_after_a_while
            after_opening_nothing_is_removed_until_the_clock_has_stood
            a_revoked_device_is_due_for_removal_wherever_it_is
            a_revoked_device_can_not_come_back
            a_device_signs_in_only_with_a_store_that_is_further_than_ever_seen
            what_a_device_notes_while_connected_counts_at_its_next_sign_in
            a_revoked_device_signs_in_with_no_store_at_all
            what_all_members_have_acknowledged_is_removed_and_nothing_else
            numbers_go_on_after_a_whole_log_was_removed
            who_was_away_for_a_month_has_missed_what_is_gone_and_can_tell
            a_removed_device_keeps_a_log_until_it_has_its_end_or_a_month_has_passed
            a_room_that_nobody_is_in_goes_as_a_whole
            a_person_has_at_most_so_many_live_rooms
            a_log_is_read_in_bites
            the_oldest_undelivered_entry_is_found
            everything_is_there_after_opening_again
        }
    };
    (@each $engine:expr; $($case:ident)*) => {
        $(#[test]
        fn $case() {
            let mut driver = $crate::queue::conformance::Driver::new(Box::new($engine));
            $crate::queue::conformance::cases::$case(&mut driver);
        })*
    };
}

#[cfg(test)]
mod tests {
    use super::ModelEngine;
    crate::queue_conformance!(ModelEngine::default());
}
