// SPDX-License-Identifier: GPL-2.0
/* Suite rds_message: messages and the control messages that make them. Bodies: message_test.cc. */
#include "suite.h"

#define MESSAGE_CASES(x)                                                                           \
	x(message__of_every_size) x(message__numbers_and_lists) x(message__not_on_a_dying_lane)    \
		x(message__references) x(message__cancel_meets_acknowledgement)                    \
			x(control__broken_headers) x(control__unknown_types)                       \
				x(control__other_levels_are_skipped) x(control__nothing_is_left)   \
					x(arrival__timestamp_and_latency)                          \
						x(arrival__control_fault_keeps_the_message)        \
							x(message__nth_allocation_fails)

RDS_KUNIT_SUITE(rds_message, MESSAGE_CASES);
