// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions, RDMA, atomics and notifications against the transport of tests/transport-rdma,
 * row by row, in TAP. A number in the name of a row is that of the pitfall it is about. Runs as
 * root: it makes the transport fail by writing its parameters.
 */
#include "arguments.h"
#include "rdma_faults.h"
#include "rdma_notices.h"
#include "rdma_operations.h"
#include "rdma_paged.h"
#include "rdma_regions.h"

namespace {

constexpr const char *usage =
	"usage: rds-rdma [--tcp ADDRESS] [--rounds N] [--dax FILE] [--plain]\n"
	"Checks RDMA of RDS sockets with the modules rds and rds_test_rdma.\n"
	"  --tcp ADDRESS  one that rds_tcp serves: it refuses, as 127.0.0.1 does\n"
	"  --rounds N     of each loop (default 200)\n"
	"  --dax FILE     on persistent memory: its pages cannot be pinned\n"
	"  --plain        the transport has get_mr alone\n";

void rows_plain(tap &t)
{
	t.section("get_mr without a connection");
	couple p;
	pages local(1), remote(1);
	local.fill(1);
	rdma op(p.region(remote), local.addr(), page, to_peer, 1);
	op.send(p.a, p.at_b);
	t.ok("a write",
	     told(p.a, 1, RDS_RDMA_SUCCESS) && !std::memcmp(local.get(), remote.get(), page));
	rds_get_mr_for_dest_args dest{};
	std::memcpy(&dest.dest_addr, p.at_a.sa(), p.at_a.length());
	dest.vec = {remote.addr(), page};
	t.is("for a destination", 0, option(p.b, RDS_GET_MR_FOR_DEST, &dest, sizeof(dest)));
	p.b.close();
	t.ok("nothing is left", settled());
}

} // namespace

int main(int argc, char **argv)
{
	arguments args(argc, argv, usage);
	send_flags = 0;
	calls_are_watched = false; /* its sends wait for what the test transport holds back */
	auto tcp = args.find("--tcp");
	int rounds = static_cast<int>(args.number("--rounds", 200));
	auto dax = args.find("--dax");
	bool plain = args.flag("--plain");
	args.finish();

	tap t(tap::form::protocol);
	if (plain) {
		rows_plain(t);
		if (dax)
			rows_paged(t, *dax, true);
		return t.finish();
	}
	rows_get_mr(t);
	rows_for_dest(t);
	rows_map(t);
	rows_life(t);
	rows_keys(t);
	rows_locked(t);
	rows_args(t);
	rows_race(t);
	rows_move(t);
	rows_use_once(t);
	rows_atomics(t);
	rows_reading(t);
	rows_statuses(t);
	rows_silent(t);
	rows_cancel(t);
	if (tcp)
		rows_refused(t, "TCP", tcp->c_str());
	rows_refused(t, "loopback", "127.0.0.1");
	if (dax)
		rows_paged(t, *dax, false);
	rows_faults(t);
	rows_loops(t, rounds);
	t.section("the end");
	t.ok("nothing is left", settled() && pinned(0));
	return t.finish();
}
