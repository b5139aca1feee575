// SPDX-License-Identifier: GPL-2.0
/* Suite rds_notify: what becomes of operations, and who is told. Bodies: notify_test.cc. */
#include "suite.h"

#define NOTIFY_CASES(x)                                                                            \
	x(notify__in_order_of_completion) x(notify__each_status) x(notify__at_most_once) x(        \
		notify__completed_in_softirq) x(notify__only_who_asked)                            \
		x(notify__acknowledged_first) x(notify__read_waits_for_its_data) x(                \
			notify__atomic_waits_for_its_result) x(notify__result_that_never_comes)    \
			x(notify__dropped_after_a_reconnect) x(notify__dropped_with_the_peer) x(   \
				notify__cancelled_in_the_queue)                                    \
				x(notify__cancelled_before_it_is_posted) x(                        \
					notify__cancel_takes_all_at_once) x(notify__cancel_waits)  \
					x(notify__close_says_nothing) x(notify__closed_before)     \
						x(notify__silent_ends) x(notify__no_memory)

RDS_KUNIT_SUITE(rds_notify, NOTIFY_CASES);
