// SPDX-License-Identifier: GPL-2.0
/* Suite rds_info: snapshots, and what is in them. Bodies: info_test.cc. */
#include "suite.h"

#define INFO_CASES(x)                                                                              \
	x(info__registry) x(info__counting_and_copying_agree) x(info__whole_records_only)          \
		x(info__counters_in_order) x(info__sockets) x(info__messages_move_along)           \
			x(info__only_of_the_namespace) x(info__no_byte_unwritten)                  \
				x(info__nth_allocation_fails)

RDS_KUNIT_SUITE(rds_info, INFO_CASES);
