// SPDX-License-Identifier: GPL-2.0
/* Suite rds_zcopy: the sender's own pages as payload. Bodies: zcopy_test.cc. */
#include "suite.h"

#define ZCOPY_CASES(x)                                                                             \
	x(zcopy__pages_go_out_and_come_back) x(zcopy__completions_are_batched)                     \
		x(zcopy__who_else_holds_the_message) x(zcopy__refused_sends_report_nothing)        \
			x(zcopy__cancelled_is_completed) x(zcopy__connection_destroyed)            \
				x(zcopy__close_with_everything_under_way)                          \
					x(zcopy__rides_on_a_message) x(zcopy__needs_room)          \
						x(zcopy__reaped_while_completing)                  \
							x(zcopy__nth_allocation_fails)

RDS_KUNIT_SUITE(rds_zcopy, ZCOPY_CASES);
