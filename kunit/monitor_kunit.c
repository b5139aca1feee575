// SPDX-License-Identifier: GPL-2.0
/* Suite rds_monitor: RDS_CONG_MONITOR. Bodies: monitor_test.cc. */
#include "suite.h"

#define MONITOR_CASES(x)                                                                           \
	x(monitor__each_group_is_a_bit) x(monitor__off_forgets)                                    \
		x(monitor__notification_before_data) x(monitor__peek_and_cut_consume)              \
			x(monitor__blocking_send_leaves_the_mask) x(monitor__wakes_a_reader)       \
				x(monitor__each_socket_its_own) x(monitor__close_while_watching)   \
					x(monitor__nth_allocation_fails)

RDS_KUNIT_SUITE(rds_monitor, MONITOR_CASES);
