/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What any transport must do, whoever wrote it: bodies that take the transport. It needs two
 * addresses in the initial namespace that it serves, and reaches itself between them.
 */
#pragma once

#include "test.h"

struct conforming {
	kunit *test;
	rds_transport *trans; /* counted */
	u32 near, far; /* addresses, host order */

	/* The transport of slot @type; its addresses are among those that the suite knows. */
	conforming(kunit *test, unsigned int type);
	~conforming();
	explicit operator bool() const { return trans && far; }
};

void conform_sizes_in_order(conforming &c);
void conform_both_ways(conforming &c);
void conform_many_senders(conforming &c);
void conform_drop_in_the_middle(conforming &c);
void conform_shutdown_idempotent(conforming &c);
void conform_ping(conforming &c);
void conform_congestion(conforming &c);
void conform_references(conforming &c);
void conform_collected_and_again(conforming &c);
