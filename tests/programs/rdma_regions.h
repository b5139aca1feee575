// SPDX-License-Identifier: GPL-2.0
/* Rows of rds-rdma about memory regions: options, control messages, life times, limits. */
#ifndef TESTS_PROGRAMS_RDMA_REGIONS_H
#define TESTS_PROGRAMS_RDMA_REGIONS_H

#include <sys/resource.h>

#include "rdma_bench.h"

/* What GET_MR and MAP have in common, in the order of rdma.md 4.2. @map: how to ask. */
inline void rows_range(tap &t, const std::function<long(const rds_get_mr_args &)> &map)
{
	pages memory(300), solid(1, PROT_READ);
	std::uint64_t cookie = 0;
	constexpr std::uint64_t most = 256 * page;

	t.is("wraps", -EINVAL, map(region_args(~std::uint64_t{0} - 10, 64)));
	t.is("wraps when rounded up", -EINVAL, map(region_args(~std::uint64_t{0} - 4000, 100)));
	t.is("length 2^64-1", -EINVAL, map(region_args(memory.addr(), ~std::uint64_t{0})));
	t.is("length 0", -EINVAL, map(region_args(memory.addr(), 0)));
	t.is("length 2^32", -EINVAL, map(region_args(memory.addr(), std::uint64_t{1} << 32)));
	t.is("length 2^32-1", -EMSGSIZE, map(region_args(memory.addr(), 0xffffffff)));
	t.is("1 MiB and a page", 0, map(region_args(memory.addr(), most + page, &cookie)));
	t.is("1 MiB and a page, one byte more", -EMSGSIZE,
	     map(region_args(memory.addr(), most + page + 1)));
	t.is("1 MiB, unaligned", 0, map(region_args(memory.addr(4095), most, &cookie)));
	t.is("1 MiB and 2 bytes, unaligned", -EMSGSIZE,
	     map(region_args(memory.addr(4095), most + 2)));
	t.is("not mapped", -EFAULT, map(region_args(16, 64)));
	t.is("the end not mapped", -EFAULT, map(region_args(memory.addr(299 * page), page + 1)));
	t.is("read-only", -EFAULT, map(region_args(solid.addr(), 64)));
	/* 23 */
	t.is("kernel address (CVE-2010-3904)", -EFAULT,
	     map(region_args(0xffff888000000000, page, &cookie)));
	for (std::uint64_t where : {std::uint64_t{1}, std::uint64_t{0xffff888000000000},
				    ~std::uint64_t{0} - 3, solid.addr()}) {
		auto args = region_args(memory.addr(), page);
		args.cookie_addr = where;
		t.is("cookie not writable (CVE-2026-46053)", -EFAULT, map(args));
	}
	t.is("no place for the cookie", 0, map(region_args(memory.addr(), 1)));
	t.is("unknown flags", 0, map(region_args(memory.addr(), 1, &cookie, ~std::uint64_t{15})));
}

inline void rows_get_mr(tap &t)
{
	t.section("GET_MR");
	couple p;
	sock fresh;
	pages memory(4);
	std::uint64_t cookie = 0;
	auto args = region_args(memory.addr(100), 200, &cookie);

	for (std::size_t len = 0; len < 40; len++)
		if (len != sizeof(args) && !t.is("length " + std::to_string(len), -EINVAL,
						 option(p.b, RDS_GET_MR, &args, len)))
			break;
	t.is("bad pointer", -EFAULT, option(p.b, RDS_GET_MR, bad_pointer, sizeof(args)));
	t.is("unbound (22, CVE-2018-7492)", -ENOTCONN, get_mr(fresh, args));
	t.is("unbound, bad range", -ENOTCONN, get_mr(fresh, region_args(~0ull, 0)));
	rds_get_mr_for_dest_args dest{};
	t.is("for a destination, unbound (22)", -ENOTCONN,
	     option(fresh, RDS_GET_MR_FOR_DEST, &dest, sizeof(dest)));
	rows_range(t, [&](const rds_get_mr_args &a) { return get_mr(p.b, a); });

	t.is("registers", 0, get_mr(p.b, args));
	t.is("cookie: offset", 100, static_cast<long>(cookie >> 32));
	t.ok("cookie: key", static_cast<std::uint32_t>(cookie));
	t.is("free, length 15", -EINVAL, option(p.b, RDS_FREE_MR, &args, 15));
	t.is("free, length 17", -EINVAL, option(p.b, RDS_FREE_MR, &args, 17));
	t.is("free, bad pointer", -EFAULT, option(p.b, RDS_FREE_MR, bad_pointer, 16));
	t.is("free, another socket's", -EINVAL, free_mr(p.a, cookie));
	t.is("free, unbound", -EINVAL, free_mr(fresh, cookie));
	t.is("free: only the key counts", 0, free_mr(p.b, cookie ^ 0x1234ull << 32));
	t.is("free again", -EINVAL, free_mr(p.b, cookie));
	t.is("free 0, unbound", -EINVAL, free_mr(fresh, 0));
	long before = counter("flushes");
	t.is("free 0 flushes", 0, free_mr(p.b, 0));
	t.is("free 0 flushes: once", before + 1, counter("flushes"));
	p.b.close();
	t.ok("closing frees the rest", settled());
}

inline void rows_for_dest(tap &t)
{
	t.section("GET_MR_FOR_DEST");
	parameter connected("need_conn", 1);
	couple p;
	sock far(ip("10.96.7.7"));
	pages memory(4);
	std::uint64_t cookie = 0;
	auto args = region_args(memory.addr(), page, &cookie);
	rds_get_mr_for_dest_args dest{};
	auto ask = [&](const sock &s, const endpoint *to) {
		std::memset(&dest.dest_addr, 0, sizeof(dest.dest_addr));
		if (to)
			std::memcpy(&dest.dest_addr, to->sa(), to->length());
		dest.vec = args.vec;
		dest.cookie_addr = args.cookie_addr;
		return option(s, RDS_GET_MR_FOR_DEST, &dest, sizeof(dest));
	};

	for (std::size_t len : {0, 128, 159, 161, 400})
		t.is("length " + std::to_string(len), -EINVAL,
		     option(p.b, RDS_GET_MR_FOR_DEST, &dest, len));
	t.is("bad pointer", -EFAULT, option(p.b, RDS_GET_MR_FOR_DEST, bad_pointer, sizeof(dest)));
	t.is("no connection is named", -EOPNOTSUPP, get_mr(p.b, args));
	t.is("no destination", -EOPNOTSUPP, ask(p.b, nullptr));
	t.is("one of the other family", -EOPNOTSUPP, [&] {
		endpoint v6 = ip("fd00::1", 4000);
		return ask(p.b, &v6);
	}());
	t.is("connected", 0, ask(p.b, &p.at_a));
	endpoint nobody = ip("10.96.8.8", 4000);
	long first = ask(far, &nobody);
	t.ok("not connected: ENODEV", first == -ENODEV || first == 0);
	t.ok("not connected: the connection comes by itself",
	     eventually([&] { return ask(far, &nobody) == 0; }));

	/* the same of MAP: 11 */
	sock lone(ip("10.96.9.9"));
	fail_hook("conn_connect", 1, EIO); /* and the first attempt fails */
	long sent = send_control(lone, nobody, RDS_CMSG_RDMA_MAP, args);
	t.is("MAP as the very first send (4)", -EAGAIN, sent);
	t.ok("MAP: EAGAIN until it is up", eventually([&] {
		     sent = send_control(lone, nobody, RDS_CMSG_RDMA_MAP, args);
		     return sent != -EAGAIN;
	     }));
	t.is("MAP: and then it is sent", 0, sent);
}

inline void rows_map(tap &t)
{
	t.section("MAP");
	couple p;
	pages memory(4);
	std::uint64_t cookie = 0, other = 0;
	auto args = region_args(memory.addr(100), 200, &cookie);
	auto map = [&](const rds_get_mr_args &a) {
		return send_control(p.b, p.at_a, RDS_CMSG_RDMA_MAP, a);
	};

	for (std::size_t len = 0; len < sizeof(args); len++)
		if (!t.is("length " + std::to_string(len) + " (24)", -EINVAL,
			  send_control(p.b, p.at_a, RDS_CMSG_RDMA_MAP, &args, len)))
			break;
	{
		couple q;
		rows_range(t, [&](const rds_get_mr_args &a) {
			return send_control(q.b, q.at_a, RDS_CMSG_RDMA_MAP, a);
		});
	}
	t.is("with data", 4, send_control(p.b, p.at_a, RDS_CMSG_RDMA_MAP, args, "take"));
	p.a.set(SOL_SOCKET, SO_TIMESTAMP, 1);
	offer peeked(p.a, MSG_PEEK), got(p.a);
	t.ok("the cookie arrives", got.text == "take" && got.cookie == cookie);
	t.ok("the cookie can be peeked at", peeked.cookie == cookie);
	auto again = [&](std::uint64_t c, std::size_t len = 8) {
		return send_control(p.b, p.at_a, RDS_CMSG_RDMA_DEST, &c, len, "again");
	};
	for (std::size_t len = 0; len < 8; len++)
		t.is("DEST, length " + std::to_string(len), -EINVAL, again(cookie, len));
	t.is("DEST, unknown key", -EINVAL, again(cookie + 1));
	t.is("DEST, another socket's key (16)", -EINVAL,
	     send_control(p.a, p.at_b, RDS_CMSG_RDMA_DEST, cookie));
	long synced = counter("to_device");
	other = (cookie & 0xffffffff) | 77ull << 32;
	t.is("DEST", 5, again(other));
	t.is("DEST synchronises the region (X12)", synced + 1, counter("to_device"));
	offer second(p.a);
	t.ok("DEST: the cookie as it was given, before the timestamp",
	     second.cookie == other && second.cookie_first);

	auto two = [&](int one, const void *data1, std::size_t len1, int another, const void *data2,
		       std::size_t len2) {
		message m(&p.at_a, "x", 1);
		m.add_control(SOL_RDS, one, data1, len1);
		m.add_control(SOL_RDS, another, data2, len2);
		return m.send(p.b, MSG_DONTWAIT);
	};
	long regions = counter("regions");
	t.is("two MAPs", -EINVAL,
	     two(RDS_CMSG_RDMA_MAP, &args, sizeof(args), RDS_CMSG_RDMA_MAP, &args, sizeof(args)));
	t.is("MAP and DEST", -EINVAL,
	     two(RDS_CMSG_RDMA_MAP, &args, sizeof(args), RDS_CMSG_RDMA_DEST, &other, 8));
	t.is("two DESTs", -EINVAL,
	     two(RDS_CMSG_RDMA_DEST, &other, 8, RDS_CMSG_RDMA_DEST, &other, 8));
	rdma op(cookie, memory.addr(), 8, 0);
	t.is("MAP and ARGS", -EINVAL,
	     two(RDS_CMSG_RDMA_MAP, &args, sizeof(args), RDS_CMSG_RDMA_ARGS, &op.args(),
		 sizeof(rds_rdma_args)));
	t.ok("what a failed send mapped is gone",
	     eventually([&] { return counter("regions") == regions; }));

	/* 33: the cookie was written, and means nothing */
	set_parameter("hold", hold_wire);
	while (p.b.send(p.at_a, 65536, MSG_DONTWAIT) > 0)
		;
	cookie = 0;
	regions = counter("regions");
	t.is("send buffer full (33)", -EAGAIN, map(args));
	t.ok("send buffer full: the region is gone (33)",
	     cookie && eventually([&] { return counter("regions") == regions; }) &&
		     free_mr(p.b, cookie) == -EINVAL);
	set_parameter("hold", 0);
}

inline void rows_life(tap &t)
{
	t.section("life of a region");
	auto *p = new couple;
	pages memory(4);
	std::uint64_t cookie = 0;
	auto args = region_args(memory.addr(), page, &cookie);

	/* the message keeps it: 12 */
	set_parameter("hold", hold_wire);
	t.is("MAP, under way", 1, send_control(p->b, p->at_a, RDS_CMSG_RDMA_MAP, args, "x"));
	t.is("freed while its message is under way", 0, free_mr(p->b, cookie));
	t.is("is still registered", 1, counter("regions"));
	t.is("another one", 1, send_control(p->b, p->at_a, RDS_CMSG_RDMA_MAP, args, "y"));
	p->b.close();
	set_parameter("hold", 0);
	t.ok("close with a region in a message (12)", settled());
	delete p;

	parameter slow("lazy", 1);
	couple q;
	t.is("lazy", 0, get_mr(q.b, args));
	t.is("lazy: freed", 0, free_mr(q.b, cookie));
	t.is("lazy: in reach until a flush", 1, counter("regions"));
	t.is("lazy: flush", 0, free_mr(q.b, 0));
	t.is("lazy: flushed", 0, counter("regions"));
	t.is("INVALIDATE", 0, get_mr(q.b, args));
	free_mr(q.b, cookie, RDS_RDMA_INVALIDATE);
	t.ok("INVALIDATE needs no flush", settled());
	args.flags = RDS_RDMA_INVALIDATE;
	get_mr(q.b, args);
	free_mr(q.b, cookie);
	t.ok("INVALIDATE of the region needs no flush", settled());
	for (int i = 0; i < 5; i++)
		get_mr(q.b, args);
	long flushes = counter("flushes");
	q.b.close();
	t.is("close flushes once", flushes + 1, counter("flushes"));
	t.ok("close flushes all", settled());
	q.a.close();
	t.is("close without regions flushes nothing (32)", flushes + 1, counter("flushes"));
}

inline void rows_keys(tap &t)
{
	t.section("keys");
	couple p;
	pages memory(4);
	std::uint64_t first = 0, second = 0;
	{
		parameter fixed("next_key", 0x123456);
		t.is("a key", 0, get_mr(p.b, region_args(memory.addr(), page, &first)));
		t.is("the same key again (13)", -EBUSY,
		     get_mr(p.b, region_args(memory.addr(page), page, &second)));
		t.is("the same key for another socket", 0,
		     get_mr(p.a, region_args(memory.addr(page), page, &second)));
		t.is("of MAP, the same key again (13)", -EBUSY,
		     send_control(p.b, p.at_a, RDS_CMSG_RDMA_MAP,
				  region_args(memory.addr(page), page, &second)));
	}
	t.is("the first one is not hurt", 0, free_mr(p.b, first));
	t.is("and the other's", 0, free_mr(p.a, first));
	for (int err : {ENODEV, EOPNOTSUPP, EBUSY, EINVAL, EMSGSIZE, ENOMEM}) {
		fail_hook("get_mr", 1, err);
		t.is("get_mr: " + result_text(-err), -err,
		     get_mr(p.b, region_args(memory.addr(), page)));
		fail_hook("get_mr", 1, err);
		t.is("MAP: " + result_text(-err), err == ENODEV ? -EAGAIN : -err,
		     send_control(p.b, p.at_a, RDS_CMSG_RDMA_MAP,
				  region_args(memory.addr(), page)));
	}
	t.ok("nothing is left", settled());
}

/* ---- locked memory ---- */

inline void limit_locked(rlim_t bytes)
{
	rlimit limit{bytes, RLIM_INFINITY};
	::setrlimit(RLIMIT_MEMLOCK, &limit);
}

/* Another user than root, for a scope: his limits count. */
class unprivileged {
public:
	unprivileged() { (void)!::seteuid(65534); }
	unprivileged(const unprivileged &) = delete;
	~unprivileged() { (void)!::seteuid(0); }
};

/* Nothing is charged to us: what a limit just allows is allowed. */
inline bool nothing_locked(const sock &s)
{
	pages memory(1);
	std::uint64_t cookie = 0;
	bool done = false;

	limit_locked(3 * page); /* one and what the charge is rounded up by */
	{
		unprivileged user;
		done = eventually(
			[&] { return get_mr(s, region_args(memory.addr(), page, &cookie)) == 0; });
		free_mr(s, cookie, RDS_RDMA_INVALIDATE);
	}
	limit_locked(RLIM_INFINITY);
	return done && settled();
}

inline void rows_locked(tap &t)
{
	t.section("locked memory");
	couple p;
	pages memory(8);
	std::uint64_t cookie = 0;
	auto args = region_args(memory.addr(), 8 * page, &cookie);
	rdma op(1, memory.addr(), 8 * page, 0);

	limit_locked(0);
	{
		unprivileged user;
		t.is("none allowed", -EPERM, get_mr(p.b, args));
		t.is("none allowed, wraps", -EINVAL, get_mr(p.b, region_args(~0ull, 64)));
		t.is("none allowed, length 0", -EPERM, get_mr(p.b, region_args(memory.addr(), 0)));
		t.is("none allowed, MAP", -EPERM,
		     send_control(p.b, p.at_a, RDS_CMSG_RDMA_MAP, args));
	}
	t.is("none allowed, privileged", 0, get_mr(p.b, args));
	free_mr(p.b, cookie);
	limit_locked(10 * page);
	{
		unprivileged user;
		t.is("within the limit", 0, get_mr(p.b, args));
		t.is("over the limit (17)", -ENOMEM, get_mr(p.b, region_args(memory.addr(), 1)));
		t.is("over the limit, operands (17)", -ENOMEM, op.send(p.a, p.at_b));
		t.is("freed", 0, free_mr(p.b, cookie));
		t.ok("the charge comes back", eventually([&] { return get_mr(p.b, args) == 0; }));
		free_mr(p.b, cookie);
	}
	limit_locked(RLIM_INFINITY);
	t.ok("nothing is charged any more", nothing_locked(p.b));
}

#endif
