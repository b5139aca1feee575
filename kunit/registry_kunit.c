// SPDX-License-Identifier: GPL-2.0
/* Suite rds_registry: transports come and go. Bodies: registry_test.cc. */
#include "suite.h"

#define REGISTRY_CASES(x)                                                                          \
	x(register__another_of_the_type) x(register__other_build) x(register__incomplete)          \
		x(register__bad_name_or_type) x(unregister__exit_once)                             \
			x(unregister__under_traffic) x(unregister__sockets_stay)                   \
				x(unregister__unread_messages) x(alloc__errno_of_the_transport)

RDS_KUNIT_SUITE(rds_registry, REGISTRY_CASES);
