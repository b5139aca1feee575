/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What any transport must do, whoever wrote it: bodies that take the transport and two addresses
 * that it serves and reaches from each other: both in the initial namespace, or in two of their
 * own.
 */
#pragma once

#include "test.h"

/* One end: a namespace and an address in it, host order. */
struct conforming_end {
	struct net *net;
	u32 addr;
};

struct conforming : kernel::pinned {
	kunit *test;
	rds_transport *trans; /* counted */
	conforming_end near, far;

	/* The transport of slot @type; its addresses are among those that the suite knows. */
	conforming(kunit *test, unsigned int type);
	/* The same between two ends that are there. */
	conforming(kunit *test, unsigned int type, conforming_end near, conforming_end far);
	~conforming();
	explicit operator bool() const { return trans && far.addr; }
	/* @f(namespace) for the one, or the two, that have the ends */
	template <typename F>
	void each_net(F f) const
	{
		f(near.net);
		if (far.net != near.net)
			f(far.net);
	}
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
