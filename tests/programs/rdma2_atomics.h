// SPDX-License-Identifier: GPL-2.0
/*
 * Rows of rds-rdma2 about atomics. Soft-RoCE has no masked ones, and the kernel's own modules know no others: the
 * message stays at the head of the queue, and the connection is mute. They grant no atomics either.
 */
#ifndef TESTS_PROGRAMS_RDMA2_ATOMICS_H
#define TESTS_PROGRAMS_RDMA2_ATOMICS_H

#include "rdma2_faults.h"

/* One, and where its result goes. */
class atomic_op {
public:
	atomic_op(peer &p, std::uint64_t cookie, std::uint64_t far) : peer_(p), room_(1)
	{
		args.cookie = cookie;
		args.remote_addr = far;
		args.local_addr = room_.addr(64);
		args.flags = RDS_RDMA_NOTIFY_ME;
		args.user_token = p.next_token();
		fill_guard({room_.get(), room_.size()});
	}
	long send(int type)
	{
		message m(&peer_.there(), nullptr, 0);
		m.add_control(SOL_RDS, type, &args, sizeof(args));
		return peer_.box().send(m);
	}
	bool done(int type, std::uint64_t old, int ms = soon_ms)
	{
		return came_to(0, send(type)) &&
		       peer_.told(args.user_token, RDS_RDMA_SUCCESS, ms) && result() == old &&
		       untouched(64, 72);
	}
	std::uint64_t result() const { return room_.word(8); }
	/* but for these */
	bool untouched(std::size_t from = 0, std::size_t to = 0) const
	{
		for (std::size_t i = 0; i < room_.size(); i++)
			if ((i < from || i >= to) && room_.get()[i] != guard_byte(i))
				return false;
		return true;
	}

	rds_atomic_args args{};

private:
	peer &peer_;
	pages room_;
};

inline void rows_values(table &t, peer &p, region &r)
{
	constexpr std::uint64_t far = 24;
	t.row("fetch and add", [&] {
		atomic_op op(p, r.cookie(), far);
		op.args.fadd.add = 2;
		return r.poke(far, 40) && op.done(RDS_CMSG_ATOMIC_FADD, 40) && r.peek(far) == 42;
	});
	t.row("fetch and add, around", [&] {
		atomic_op op(p, r.cookie(), far);
		op.args.fadd.add = 2;
		return r.poke(far, ~std::uint64_t{0}) &&
		       op.done(RDS_CMSG_ATOMIC_FADD, ~std::uint64_t{0}) && r.peek(far) == 1;
	});
	t.row("compare and swap", [&] {
		atomic_op op(p, r.cookie(), far);
		op.args.cswp.compare = 5;
		op.args.cswp.swap = 0x1122334455667788;
		return r.poke(far, 5) && op.done(RDS_CMSG_ATOMIC_CSWP, 5) &&
		       r.peek(far) == 0x1122334455667788;
	});
	t.row("compare and swap, unequal", [&] {
		atomic_op op(p, r.cookie(), far);
		op.args.cswp.compare = 5;
		op.args.cswp.swap = 6;
		return op.done(RDS_CMSG_ATOMIC_CSWP, 0x1122334455667788) &&
		       r.peek(far) == 0x1122334455667788;
	});
	t.row("its message arrives after it", [&] {
		atomic_op op(p, r.cookie(), far);
		op.args.fadd.add = 1;
		request look;
		look.what = verb::peek;
		look.slot = r.slot();
		look.a = far;
		if (!r.poke(far, 7))
			return false;
		long id = p.post(look, RDS_CMSG_ATOMIC_FADD, &op.args, sizeof(op.args));
		auto seen = p.await(id);
		return seen && seen->value == 8 && p.told(op.args.user_token, RDS_RDMA_SUCCESS);
	});
	t.row("a hundred, none waited for: each adds once", [&] {
		std::deque<atomic_op> ops;
		std::map<std::uint64_t, int> before, tokens;
		if (!r.poke(far, 0))
			return false;
		for (int i = 0; i < 100; i++) {
			ops.emplace_back(p, r.cookie(), far);
			ops.back().args.fadd.add = 1;
			if (ops.back().send(RDS_CMSG_ATOMIC_FADD))
				return false;
		}
		for (int i = 0; i < 100; i++)
			if (auto got = p.box().next_told(answer_ms); got && !got->status)
				tokens[got->token]++;
		for (auto &op : ops)
			before[op.result()]++;
		return tokens.size() == 100 && before.size() == 100 &&
		       before.rbegin()->first == 99 && r.peek(far) == 100;
	});
	t.row("they are counted", [&] {
		return core_counter("ib_atomic_fadd") >= 103 && core_counter("ib_atomic_cswp") >= 2;
	});
	t.row("neighbours are as they were", [&] {
		std::vector<std::uint8_t> image(r.bytes());
		fill_pattern(image, 0);
		std::uint64_t value = 100;
		std::memcpy(image.data() + far, &value, sizeof(value));
		auto seen = p.ask(r.check());
		return seen && region::seen_well(*seen, sum_of(image));
	});
}

inline void rows_atomics(table &t, peer &p)
{
	t.section("atomics");
	region r(p, 256, 8);
	if (t.expected(ours::both))
		rows_values(t, p, r);
	if (!t.wanted(ours::here))
		return;

	/* the region is held on another connection than the one that breaks */
	child_owner child(t, p, 9);
	peer &other = *child.reach;
	if (!t.expected(ours::both))
		t.row(ours::both, "fetch and add", [&] {
			atomic_op op(other, r.cookie(), 24);
			op.args.fadd.add = 2;
			return r.poke(24, 40) && op.done(RDS_CMSG_ATOMIC_FADD, 40) &&
			       r.peek(24) == 42;
		});
	bool flows = t.row(ours::here, "traffic flows again", [&] { return other.flows(5000); });
	if (!flows)
		return;
	if (!t.set.ours_there)
		t.row("the kernel's own modules grant none: a remote error", [&] {
			atomic_op op(other, r.cookie(), 24);
			return came_to(0, op.send(RDS_CMSG_ATOMIC_FADD)) &&
			       other.told(op.args.user_token, RDS_RDMA_REMOTE_ERROR) &&
			       op.untouched() && other.flows();
		});
	t.row("target not aligned: an error", [&] {
		atomic_op op(other, r.cookie(), 25);
		return came_to(0, op.send(RDS_CMSG_ATOMIC_FADD)) &&
		       other.told_error(op.args.user_token) && op.untouched();
	});
	t.row("... and traffic flows again", [&] { return other.flows(); });
	t.row("a key that nobody has: a remote error", [&] {
		atomic_op op(other, spoilt(0), 24);
		return came_to(0, op.send(RDS_CMSG_ATOMIC_CSWP)) &&
		       other.told(op.args.user_token, RDS_RDMA_REMOTE_ERROR) && op.untouched();
	});
	t.row("... and traffic flows again", [&] { return other.flows(); });
	for (auto [type, name] :
	     {std::pair{RDS_CMSG_MASKED_ATOMIC_FADD, "masked fetch and add"},
	      std::pair{RDS_CMSG_MASKED_ATOMIC_CSWP, "masked compare and swap"}}) {
		t.row(std::string(name) + ": refused, or an error", [&] {
			atomic_op op(other, r.cookie(), 24);
			op.args.m_fadd.nocarry_mask = 0x8080808080808080;
			op.args.m_cswp.compare_mask = 0xff;
			long sent = op.send(type);
			if (sent == -EOPNOTSUPP)
				return true;
			return came_to(0, sent) && other.told_error(op.args.user_token) &&
			       op.untouched();
		});
		t.row("... and traffic flows again", [&] { return other.flows(); });
	}
	t.row("operations work again", [&] {
		region q(p, 5000, 77);
		ranges local(5000);
		local.fill(81);
		auto args = operation(local, q.cookie(), told_write, other.next_token());
		return q && post_bare(other, args) == 0 &&
		       other.told(args.user_token, RDS_RDMA_SUCCESS) && q.is(81);
	});
}

#endif
