// SPDX-License-Identifier: GPL-2.0
/* Rows of rds-rdma about operations: their checks, what they move, atomics by value. */
#ifndef TESTS_PROGRAMS_RDMA_OPERATIONS_H
#define TESTS_PROGRAMS_RDMA_OPERATIONS_H

#include <atomic>
#include <thread>

#include "rdma_bench.h"

constexpr std::uint64_t to_peer = RDS_RDMA_READWRITE | RDS_RDMA_NOTIFY_ME;
constexpr std::uint64_t from_peer = RDS_RDMA_NOTIFY_ME;

/* In the order of socket.md 6.2 and rdma.md 8.1. */
inline void rows_args(tap &t)
{
	t.section("ARGS");
	couple p;
	pages local(4), remote(4), solid(1, PROT_READ);
	std::uint64_t cookie = p.region(remote);
	auto row = [&](const std::string &name, long expected, auto spoil) {
		rdma op(cookie, local.addr(), 64, to_peer);
		spoil(op);
		t.is(name, expected, op.send(p.a, p.at_b));
	};

	rdma good(cookie, local.addr(), 64, to_peer);
	for (std::size_t len = 0; len < sizeof(rds_rdma_args); len++)
		if (!t.is("length " + std::to_string(len) + " (24)", -EINVAL,
			  send_control(p.a, p.at_b, RDS_CMSG_RDMA_ARGS, &good.args(), len)))
			break;
	row("no local range", -EINVAL, [](rdma &op) { op.nr_local = 0; });
	for (std::uint64_t nr :
	     {std::uint64_t{1025}, std::uint64_t{1} << 40, (std::uint64_t{1} << 60) + 1})
		row(std::to_string(nr) + " local ranges (19)", -EMSGSIZE,
		    [&](rdma &op) { op.nr_local = nr; });
	row("1025 ranges at a bad address", -EMSGSIZE, [](rdma &op) {
		op.nr_local = 1025;
		op.local_vec_addr = 1;
	});
	row("more than 1 MiB", -EMSGSIZE, [](rdma &op) { op.remote_vec.bytes = (1 << 20) + 1; });
	row("more than 1 MiB, no local range", -EMSGSIZE, [](rdma &op) {
		op.remote_vec.bytes = ~std::uint64_t{0};
		op.nr_local = 0;
	});
	for (std::uint64_t where : {std::uint64_t{1}, std::uint64_t{0xffff888000000000}})
		row("vector at a bad address (23)", -EFAULT,
		    [&](rdma &op) { op.local_vec_addr = where; });
	row("empty range (20, CVE-2018-5332)", -EINVAL, [](rdma &op) { op.vec.bytes = 0; });
	row("range of 4 GiB", -EINVAL, [](rdma &op) { op.vec.bytes = std::uint64_t{1} << 32; });
	row("range wraps", -EINVAL, [](rdma &op) { op.vec = {~std::uint64_t{0} - 10, 64}; });
	row("range not mapped", -EFAULT, [](rdma &op) { op.vec = {16, 64}; });
	row("range of the kernel's (23)", -EFAULT, [](rdma &op) {
		op.vec = {0xffff888000000000, 64};
	});
	row("end of the range not mapped", -EFAULT, [&](rdma &op) {
		op.vec = {local.addr(3 * page), page + 1};
		op.remote_vec.bytes = 2 * page;
	});
	row("read into read-only memory", -EFAULT, [&](rdma &op) {
		op.vec = {solid.addr(), 64};
		op.flags = 0;
	});
	row("write from read-only memory", 0, [&](rdma &op) { op.vec = {solid.addr(), 64}; });
	t.ok("write from read-only memory: it is done", told(p.a, 0, RDS_RDMA_SUCCESS));
	row("more local than remote", -EINVAL, [](rdma &op) { op.vec.bytes = 65; });
	row("less local than remote", 0, [](rdma &op) { op.vec.bytes = 63; });
	t.ok("less local than remote: it is done", told(p.a, 0, RDS_RDMA_SUCCESS));

	/* 18, CVE-2010-3865, CVE-2010-4175: sums beyond 32 bits */
	std::vector<rds_iovec> many(1024, rds_iovec{local.addr(), 0xffffffff});
	row("1024 ranges of 4 GiB - 1 (18)", -ENOMEM, [&](rdma &op) {
		op.local_vec_addr = address_of(many.data());
		op.nr_local = many.size();
		op.remote_vec.bytes = 1 << 20;
	});
	/* the sum is 64 more than 4 GiB, were it of 32 bits */
	many.assign(2, rds_iovec{local.addr(), 0x80000020});
	row("2 ranges of 2 GiB (18)", -ENOMEM, [&](rdma &op) {
		op.local_vec_addr = address_of(many.data());
		op.nr_local = many.size();
	});
	many.assign(1024, rds_iovec{local.addr(), 64});
	row("1024 ranges", 0, [&](rdma &op) {
		op.local_vec_addr = address_of(many.data());
		op.nr_local = many.size();
		op.remote_vec.bytes = 65536;
		op.cookie = p.region(pages(16));
	});
	(void)next_notice(p.a); /* whatever became of it */

	message two(&p.at_b, "x", 1);
	two.add_control(SOL_RDS, RDS_CMSG_RDMA_ARGS, &good.args(), sizeof(rds_rdma_args));
	two.add_control(SOL_RDS, RDS_CMSG_RDMA_ARGS, &good.args(), sizeof(rds_rdma_args));
	t.is("two", -EINVAL, two.send(p.a));
	rdma half(cookie, local.addr(), 1, 0);
	half.remote_vec.bytes = (1 << 19) + 1;
	message sum(&p.at_b, "x", 1);
	sum.add_control(SOL_RDS, RDS_CMSG_RDMA_ARGS, &half.args(), sizeof(rds_rdma_args));
	sum.add_control(SOL_RDS, RDS_CMSG_RDMA_ARGS, &half.args(), sizeof(rds_rdma_args));
	t.is("two, more than 1 MiB together", -EMSGSIZE, sum.send(p.a));
	for (int type : {4, 5, 10, 11, 13, 14, 77})
		t.is("control message " + std::to_string(type), -EINVAL,
		     send_control(p.a, p.at_b, type, &good.args(), sizeof(rds_rdma_args)));
}

/* A second thread changes the vector while it is read: 19. */
inline void rows_race(tap &t)
{
	t.section("racing writer");
	couple p;
	pages local(64), remote(4);
	std::uint64_t cookie = p.region(remote);
	std::array<rds_iovec, 16> vec;
	std::atomic<bool> stop{false};

	vec.fill({local.addr(), 64});
	std::thread writer([&] {
		while (!stop)
			for (auto &v : vec) {
				__atomic_store_n(&v.bytes, v.bytes == 64 ? 60 * page : 64,
						 __ATOMIC_RELAXED);
				__atomic_store_n(&v.addr,
						 v.addr == local.addr() ? 16 : local.addr(),
						 __ATOMIC_RELAXED);
			}
	});
	bool good = true;
	for (int i = 0; i < 100 && good; i++) {
		rdma op(cookie, 0, 4096, RDS_RDMA_READWRITE);
		op.local_vec_addr = address_of(vec.data());
		op.nr_local = vec.size();
		long r = op.send(p.a, p.at_b);
		good = r == 0 || r == -EINVAL || r == -EFAULT || r == -EAGAIN;
	}
	stop = true;
	writer.join();
	t.ok("every send succeeds or says why (19)", good);
}

inline void rows_move(tap &t)
{
	t.section("reads and writes");
	couple p;
	pages local(260), remote(257);
	std::uint64_t cookie = p.region(remote, 0, 100);
	constexpr std::size_t most = 1 << 20;
	auto counted = [before = std::array<std::uint64_t, 3>{}](int which) mutable {
		const char *names[] = {"send_rdma", "send_rdma_bytes", "recv_rdma_bytes"};
		std::uint64_t now = core_counter(names[which]);
		return now - std::exchange(before[static_cast<std::size_t>(which)], now);
	};
	for (int i = 0; i < 3; i++)
		counted(i);

	remote.fill(0);
	local.fill(7);
	rdma small(cookie, local.addr(33), 5000, to_peer, 0x123456789abcdef0);
	t.is("write", 5, small.send(p.a, p.at_b, "write"));
	t.ok("write: the message comes after the data",
	     p.b.receives("write") && !std::memcmp(remote.get() + 100, local.get() + 33, 5000));
	t.ok("write: nothing else is touched", [&] {
		pages fresh(1);
		fresh.fill(0);
		return !std::memcmp(remote.get(), fresh.get(), 100);
	}());
	t.ok("write: told, with all 64 bits of the token",
	     told(p.a, 0x123456789abcdef0, RDS_RDMA_SUCCESS));
	t.is("counter send_rdma", 1, static_cast<long>(counted(0)));
	t.is("counter send_rdma_bytes", 5000, static_cast<long>(counted(1)));

	remote.fill(99);
	rdma back(cookie, local.addr(1), 70000, from_peer | RDS_RDMA_FENCE, 2);
	t.is("read", 4, back.send(p.a, p.at_b, "read"));
	t.ok("read: told", told(p.a, 2, RDS_RDMA_SUCCESS));
	t.ok("read: the data is here",
	     p.b.receives("read") && !std::memcmp(remote.get() + 100, local.get() + 1, 70000));
	t.is("counter recv_rdma_bytes", 70000, static_cast<long>(counted(2)));

	local.fill(3);
	rdma far(cookie, local.addr(), 64, to_peer, 3);
	far.remote_vec.addr = 12345;
	far.send(p.a, p.at_b);
	t.ok("at an offset",
	     told(p.a, 3, RDS_RDMA_SUCCESS) && !std::memcmp(remote.get() + 12445, local.get(), 64));
	far.remote_vec.addr = ~std::uint64_t{0} - 99; /* 100 before where the cookie points */
	far.send(p.a, p.at_b);
	t.ok("the address wraps around",
	     told(p.a, 3, RDS_RDMA_SUCCESS) && !std::memcmp(remote.get(), local.get(), 64));

	std::vector<rds_iovec> parts;
	for (std::size_t i = 0; i < 512; i++)
		parts.push_back({local.addr(i * 2000 + i % 7), 2000});
	rdma gather(cookie, 0, most, to_peer, 4);
	gather.local_vec_addr = address_of(parts.data());
	gather.nr_local = parts.size();
	gather.send(p.a, p.at_b);
	bool same = told(p.a, 4, RDS_RDMA_SUCCESS);
	for (std::size_t i = 0; i < 512; i++)
		same = same && !std::memcmp(remote.get() + 100 + i * 2000,
					    local.get() + i * 2000 + i % 7, 2000);
	t.ok("512 ranges", same);

	local.fill(11);
	rdma large(cookie, local.addr(1), most, to_peer, 5);
	large.send(p.a, p.at_b);
	t.ok("1 MiB", told(p.a, 5, RDS_RDMA_SUCCESS) &&
			      !std::memcmp(remote.get() + 100, local.get() + 1, most));

	/* 15: pages are exposed as a whole; whoever registers a part shares its neighbours */
	pages part(2);
	std::uint64_t inner = p.region(part, 0, page + 200);
	rdma past(inner, local.addr(), page - 200, to_peer, 6);
	past.send(p.a, p.at_b);
	t.ok("the rest of the page (15)", told(p.a, 6, RDS_RDMA_SUCCESS));
	past.remote_vec.bytes = past.vec.bytes = page - 199;
	past.send(p.a, p.at_b);
	t.ok("a byte past the page", told(p.a, 6, RDS_RDMA_REMOTE_ERROR));
	t.ok("the page before", part.all(0, 0, page));
	t.is("a region of another socket by its key", 0, [&] {
		sock c(ip("10.96.0.2"));
		std::uint64_t other = 0;
		get_mr(c, region_args(part.addr(), page, &other));
		rdma op(other, local.addr(), 8, to_peer, 7);
		op.send(p.a, p.at_b);
		return told(p.a, 7, RDS_RDMA_SUCCESS) ? 0 : 1;
	}());
}

inline void rows_use_once(tap &t)
{
	t.section("use once");
	couple p;
	pages local(1), remote(2);
	std::uint64_t once = p.region(remote, RDS_RDMA_USE_ONCE), keep = p.region(remote);
	auto use = [&](std::uint64_t cookie, std::uint64_t flags) {
		long synced = counter("from_device");
		rdma op(cookie, local.addr(), 64, flags, 1);
		op.send(p.a, p.at_b, "used");
		bool arrived = p.b.receives("used");
		if (flags & RDS_RDMA_NOTIFY_ME)
			(void)next_notice(p.a);
		return arrived ? counter("from_device") - synced : -1;
	};

	t.is("silent: nobody is told of the use", 0, use(once, to_peer | RDS_RDMA_SILENT));
	t.is("its use is told, and synchronised", 1, use(once, to_peer));
	t.is("it is gone", -EINVAL, free_mr(p.b, once));
	t.is("another kind stays", 1, use(keep, to_peer));
	t.is("another kind stays, used again", 1, use(keep, to_peer));
	t.is("another kind is there", 0, free_mr(p.b, keep));

	sock c(ip("10.96.0.2"));
	std::uint64_t other = 0;
	get_mr(c, region_args(remote.addr(), page, &other, RDS_RDMA_USE_ONCE));
	t.is("the key of another socket means nothing here (16)", 0, use(other, to_peer));
	t.is("and is still his (16)", 0, free_mr(c, other));
	once = p.region(remote, RDS_RDMA_USE_ONCE);
	p.b.close();
	rdma late(once, local.addr(), 64, to_peer, 1);
	late.send(p.a, p.at_b, "late");
	t.ok("the owner has closed", next_notice(p.a) && settled());
}

inline void rows_atomics(tap &t)
{
	t.section("atomics");
	couple p;
	pages local(2), remote(2);
	std::uint64_t cookie = p.region(remote, 0, 8), token = 100;
	std::uint64_t &result = local.word(3), &value = remote.word(4);
	rds_atomic_args args{};
	auto prepare = [&] {
		args = {};
		args.cookie = cookie;
		args.local_addr = address_of(&result);
		args.remote_addr = 24; /* and 8 of the cookie */
		args.flags = RDS_RDMA_NOTIFY_ME;
		args.user_token = ++token;
	};
	auto done = [&](int type) {
		result = 0xdead;
		return send_control(p.a, p.at_b, type, args) == 0 &&
		       told(p.a, token, RDS_RDMA_SUCCESS);
	};

	prepare();
	value = 40;
	args.fadd.add = 2;
	t.ok("fetch and add", done(RDS_CMSG_ATOMIC_FADD) && result == 40 && value == 42);
	prepare();
	value = ~std::uint64_t{0};
	args.fadd.add = 2;
	args.m_fadd.nocarry_mask = ~std::uint64_t{0}; /* not looked at */
	t.ok("fetch and add, around", done(RDS_CMSG_ATOMIC_FADD) && ~result == 0 && value == 1);
	prepare();
	value = 5;
	args.cswp.compare = 5;
	args.cswp.swap = 0x1122334455667788;
	t.ok("compare and swap",
	     done(RDS_CMSG_ATOMIC_CSWP) && result == 5 && value == 0x1122334455667788);
	t.ok("compare and swap, unequal",
	     (token++, args.user_token = token, done(RDS_CMSG_ATOMIC_CSWP)) &&
		     result == 0x1122334455667788 && value == 0x1122334455667788);
	prepare();
	value = 0xff00ff00ff00ff00;
	args.m_fadd.add = 0x0100010001000101;
	args.m_fadd.nocarry_mask = 0x8080808080808080; /* eight bytes, each for itself */
	t.ok("masked fetch and add", done(RDS_CMSG_MASKED_ATOMIC_FADD) &&
					     result == 0xff00ff00ff00ff00 &&
					     value == 0x0000000000000001);
	prepare();
	value = 0xaaaa00000000bbbb;
	args.m_cswp.compare = 0x000000000000bbbb;
	args.m_cswp.compare_mask = 0xffff;
	args.m_cswp.swap = 0x123456789abcdef0;
	args.m_cswp.swap_mask = 0x0000ffffffff0000;
	t.ok("masked compare and swap", done(RDS_CMSG_MASKED_ATOMIC_CSWP) &&
						result == 0xaaaa00000000bbbb &&
						value == 0xaaaa56789abcbbbb);
	t.ok("masked compare and swap, unequal",
	     (token++, args.user_token = token, args.m_cswp.compare++,
	      done(RDS_CMSG_MASKED_ATOMIC_CSWP)) &&
		     value == 0xaaaa56789abcbbbb);

	for (int type : {RDS_CMSG_ATOMIC_FADD, RDS_CMSG_ATOMIC_CSWP, RDS_CMSG_MASKED_ATOMIC_FADD,
			 RDS_CMSG_MASKED_ATOMIC_CSWP}) {
		std::string text = "type " + std::to_string(type) + ", ";
		for (std::size_t len = 0; len < sizeof(args); len++)
			if (!t.is(text + "length " + std::to_string(len) + " (24)", -EINVAL,
				  send_control(p.a, p.at_b, type, &args, len)))
				break;
		for (std::uint64_t off = 1; off < 8; off++) {
			prepare();
			args.local_addr += off;
			t.is(text + "unaligned by " + std::to_string(off), -EFAULT,
			     send_control(p.a, p.at_b, type, args));
		}
		for (std::uint64_t where : {std::uint64_t{16}, std::uint64_t{0xffff888000000000}}) {
			prepare();
			args.local_addr = where;
			t.is(text + "result at a bad address (21, 23)", -EFAULT,
			     send_control(p.a, p.at_b, type, args));
		}
		prepare();
		message two(&p.at_b, "x", 1);
		two.add_control(SOL_RDS, type, &args, sizeof(args));
		two.add_control(SOL_RDS, RDS_CMSG_ATOMIC_FADD, &args, sizeof(args));
		t.is(text + "two", -EINVAL, two.send(p.a));
		std::uint64_t dest = cookie;
		message mixed(&p.at_b, "x", 1);
		mixed.add_control(SOL_RDS, type, &args, sizeof(args));
		mixed.add_control(SOL_RDS, RDS_CMSG_RDMA_DEST, &dest, sizeof(dest));
		t.is(text + "with DEST", -EINVAL, mixed.send(p.a));
	}

	prepare();
	value = 7;
	args.fadd.add = 1;
	rdma op(cookie, local.addr(), 8, to_peer, 1000);
	message both(&p.at_b, "both", 4);
	both.add_control(SOL_RDS, RDS_CMSG_ATOMIC_FADD, &args, sizeof(args));
	both.add_control(SOL_RDS, RDS_CMSG_RDMA_ARGS, &op.args(), sizeof(rds_rdma_args));
	t.is("with ARGS", 4, both.send(p.a));
	t.ok("with ARGS: the RDMA first", told(p.a, 1000, RDS_RDMA_SUCCESS));
	t.ok("with ARGS: then the atomic", told(p.a, token, RDS_RDMA_SUCCESS) && value == 8);
	t.ok("with ARGS: then the message", p.arrives("both"));
	prepare();
	args.remote_addr = 25;
	result = 0xdead;
	send_control(p.a, p.at_b, RDS_CMSG_ATOMIC_FADD, args);
	t.ok("target not aligned", told(p.a, token, RDS_RDMA_REMOTE_ERROR) && result == 0xdead);

	/* 21, CVE-2018-5333 */
	sock s(ip("10.96.0.1"));
	prepare();
	args.local_addr = 16;
	t.is("result at a bad address, then close (21)", -EFAULT,
	     send_control(s, p.at_b, RDS_CMSG_ATOMIC_FADD, args));
	s.close();
}

/* A transport with the hooks, but a destination that is not its own. */
inline void rows_refused(tap &t, const char *name, const char *address)
{
	t.section(std::string("refused, ") + name);
	sock s(ip(address)), to(ip(address));
	endpoint at = to.name();
	pages memory(2);
	rdma op(1, memory.addr(), page, to_peer);
	rds_atomic_args atomic{};
	atomic.local_addr = memory.addr();
	auto args = region_args(memory.addr(), page);
	std::uint64_t cookie = 1;

	t.is("ARGS", -EOPNOTSUPP, op.send(s, at));
	t.is("atomic", -EOPNOTSUPP, send_control(s, at, RDS_CMSG_ATOMIC_FADD, atomic));
	t.is("MAP", -EOPNOTSUPP, send_control(s, at, RDS_CMSG_RDMA_MAP, args));
	t.is("DEST", -EINVAL, send_control(s, at, RDS_CMSG_RDMA_DEST, cookie));
	op.vec.addr = 16;
	t.is("ARGS, not mapped", -EFAULT, op.send(s, at));
	atomic.local_addr = 17;
	t.is("atomic, unaligned", -EFAULT, send_control(s, at, RDS_CMSG_ATOMIC_FADD, atomic));
	t.is("GET_MR", -EOPNOTSUPP, get_mr(s, args));
	t.is("FREE_MR 0", -EINVAL, free_mr(s, 0));
	t.is("FREE_MR", -EINVAL, free_mr(s, 1));
	t.ok("nothing arrived", to.empty());
	t.ok("nothing stays pinned", pinned(0));
}

#endif
