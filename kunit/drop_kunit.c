// SPDX-License-Identifier: GPL-2.0
/* Suite rds_drop: each drop has its reason and is counted once. Bodies: drop_test.cc. */
#include "suite.h"

#define DROP_CASES(x)                                                                              \
	x(drop__cancelled) x(drop__closed) x(drop__conn_destroyed) x(drop__op_not_repeated)        \
		x(drop__unread) x(drop__wrong_port) x(drop__by_the_transport)

RDS_KUNIT_SUITE(rds_drop, DROP_CASES);
