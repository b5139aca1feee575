// SPDX-License-Identifier: GPL-2.0
/* Suite rds_nomem: the n-th allocation fails, for each n. Bodies: nomem_test.cc. */
#include "suite.h"

#define NOMEM_CASES(x)                                                                             \
	x(nomem__bind) x(nomem__send_to_a_new_peer) x(nomem__send_small) x(nomem__send_large)      \
		x(nomem__accept) x(nomem__congestion) x(nomem__ping) x(nomem__received_map)        \
			x(nomem__recvmsg)

RDS_KUNIT_SUITE(rds_nomem, NOMEM_CASES);
