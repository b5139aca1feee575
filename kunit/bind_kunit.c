// SPDX-License-Identifier: GPL-2.0
/* Suite rds_bind: the bound table. Bodies: bind_test.cc. */
#include "suite.h"

#define BIND_CASES(x)                                                                              \
	x(bind__errors) x(bind__port_zero_gives_different_ports) x(bind__racing_for_one_port)      \
		x(bind__racing_for_port_zero) x(bind__races_with_send_and_connect)                 \
			x(bind__failure_returns_the_module_reference) x(bind__preset_transport)    \
				x(bind__close_races_with_delivery)

RDS_KUNIT_SUITE(rds_bind, BIND_CASES);
