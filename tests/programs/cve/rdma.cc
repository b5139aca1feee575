// SPDX-License-Identifier: GPL-2.0
/*
 * Requests for RDMA: counts and lengths that do not add up, memory that cannot be pinned, sockets that have no
 * transport. Where there is no transport with RDMA, what is left must be the documented refusal, and nothing pinned.
 */
#include <atomic>
#include <thread>

#include "faults.h"
#include "memory.h"
#include "trial.h"

namespace {

constexpr int atomics[] = {RDS_CMSG_ATOMIC_FADD, RDS_CMSG_ATOMIC_CSWP, RDS_CMSG_MASKED_ATOMIC_FADD,
			   RDS_CMSG_MASKED_ATOMIC_CSWP};

std::uint64_t number(const void *p)
{
	return reinterpret_cast<std::uint64_t>(p);
}

/* A socket of the transport with RDMA. */
sock rdma_socket(trial &t)
{
	sock s;
	if (s.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_IB) || s.bind(t.set.rdma))
		t.skip("no RDMA transport");
	return s;
}

/* Sends one control message from a socket to itself. */
struct requester {
	sock s;
	endpoint to;

	explicit requester(const endpoint &local) : s(local), to(s.name()) {}
	long send(int type, const void *data, std::size_t len, const void *more = nullptr,
		  std::size_t more_len = 0, int more_type = 0)
	{
		message m(&to, "x", 1);
		m.add_control(SOL_RDS, type, data, len);
		if (more)
			m.add_control(SOL_RDS, more_type, more, more_len);
		return m.send(s, MSG_DONTWAIT);
	}
	long args(const std::vector<rds_iovec> &local, std::uint64_t count, std::uint64_t remote)
	{
		rds_rdma_args a{};
		a.remote_vec.bytes = remote;
		a.local_vec_addr = number(local.data());
		a.nr_local = count;
		return send(RDS_CMSG_RDMA_ARGS, &a, sizeof(a));
	}
};

endpoint places(trial &t, int i)
{
	return i ? t.set.tcp : ip("127.0.0.1");
}

void vector_lengths(trial &t)
{
	std::vector<std::uint8_t> memory(1 << 16);
	for (int place : {0, 1}) {
		requester r(places(t, place));
		for (std::uint64_t bytes : {~0ull, 1ull << 63, (1ull << 63) - 1, 1ull << 32,
					    (1ull << 32) - 1, (1ull << 31) + 1, 1ull << 31}) {
			std::vector<rds_iovec> local(1024, {number(memory.data()), bytes});
			std::string text = "1024 pieces of " + std::to_string(bytes);
			for (std::uint64_t remote : {0ull, 1ull << 20})
				t.is(text, r.args(local, 1024, remote),
				     {-EINVAL, -EMSGSIZE, -ENOMEM});
			local.resize(1);
			t.is("a piece of " + std::to_string(bytes), r.args(local, 1, 1 << 20),
			     {-EINVAL, -EMSGSIZE, -ENOMEM});
		}
		std::vector<rds_iovec> wraps{{~0ull - 100, 200}};
		t.is("a piece that wraps", r.args(wraps, 1, 1 << 20), {-EINVAL});
		std::vector<rds_iovec> one{{number(memory.data()), 4096}};
		for (std::uint64_t remote : {~0ull, 1ull << 63, 1ull << 32, (1ull << 20) + 1})
			t.is("remote side of " + std::to_string(remote), r.args(one, 1, remote),
			     {-EMSGSIZE});
	}
}

void vector_count(trial &t)
{
	std::vector<std::uint8_t> memory(4096);
	std::vector<rds_iovec> local(1024, {number(memory.data()), 1});
	for (int place : {0, 1}) {
		requester r(places(t, place));
		t.is("0 pieces", r.args(local, 0, 4096), {-EINVAL});
		t.is("1024 pieces", r.args(local, 1024, 4096), {-EOPNOTSUPP});
		for (std::uint64_t count : {1025ull, 65536ull, (1ull << 28) + 1, 1ull << 31,
					    1ull << 32, (1ull << 60) + 1, ~0ull})
			t.is(std::to_string(count) + " pieces", r.args(local, count, 4096),
			     {-EMSGSIZE});
	}
}

void zero_pages(trial &t)
{
	alignas(8) static std::uint64_t operand[2];
	for (int place : {0, 1}) {
		requester r(places(t, place));
		for (std::size_t count : {1, 2, 1024}) {
			std::vector<rds_iovec> none(count, {number(operand), 0});
			t.is("empty pieces", r.args(none, count, 0), {-EINVAL});
			none[0].bytes = 8;
			if (count > 1)
				t.is("an empty piece among others", r.args(none, count, 8),
				     {-EINVAL});
		}
		rds_rdma_args args{};
		rds_iovec vec{number(operand), 0};
		args.local_vec_addr = number(&vec);
		args.nr_local = 1;
		rds_atomic_args atomic{};
		atomic.local_addr = number(operand);
		for (int type : atomics) {
			t.is("atomic without a piece beside it",
			     r.send(type, &atomic, sizeof(atomic), &args, sizeof(args),
				    RDS_CMSG_RDMA_ARGS),
			     {-EINVAL});
			t.is("an empty piece beside an atomic",
			     r.send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args), &atomic,
				    sizeof(atomic), type),
			     {-EINVAL});
			t.is("two atomics",
			     r.send(type, &atomic, sizeof(atomic), &atomic, sizeof(atomic),
				    RDS_CMSG_ATOMIC_FADD),
			     {-EINVAL});
		}
	}
}

/* The vector changes between the looks at it: each value must be one that was there, and none may be trusted twice. */
void changing_vector(trial &t)
{
	static rds_iovec local[64];
	static std::uint8_t memory[1 << 16];
	static rds_rdma_args args;
	std::atomic<bool> done = false;
	std::jthread changer([&] {
		for (std::uint64_t i = 0; !done; i++) {
			volatile rds_iovec *v = &local[i % 64];
			v->bytes = i % 3 ? 1 : 65536;
			v->addr = number(memory) + i % 4096;
			volatile rds_rdma_args *a = &args;
			a->nr_local = i % 2 ? 1 : 64;
		}
	});
	requester r(t.set.tcp);
	for (auto &v : local)
		v = {number(memory), 1};
	args.local_vec_addr = number(local);
	args.remote_vec.bytes = 1 << 20;
	args.nr_local = 64;
	/* the control buffer is the structure itself, so that it changes too */
	alignas(cmsghdr) static std::uint8_t control[CMSG_SPACE(sizeof(args))];
	for (std::uint64_t i = 0; i < t.set.times(5000); i++) {
		cmsghdr head{};
		head.cmsg_len = CMSG_LEN(sizeof(args));
		head.cmsg_level = SOL_RDS;
		head.cmsg_type = RDS_CMSG_RDMA_ARGS;
		std::memcpy(control, &head, sizeof(head));
		std::memcpy(control + CMSG_LEN(0), &args, sizeof(args));
		message m(&r.to, "x", 1);
		m.hdr.msg_control = control;
		m.hdr.msg_controllen = sizeof(control);
		t.is("a vector that changes", m.send(r.s, MSG_DONTWAIT),
		     {-EOPNOTSUPP, -EINVAL, -EMSGSIZE});
	}
	done = true;
}

void atomic_operand(trial &t)
{
	half_mapped memory;
	alignas(8) static std::uint8_t good[16];
	for (int place : {0, 1}) {
		requester r(places(t, place));
		for (int type : atomics) {
			auto with = [&](std::uint64_t address) {
				rds_atomic_args a{};
				a.local_addr = address;
				return r.send(type, &a, sizeof(a));
			};
			for (std::uint64_t i = 0; i < t.set.times(20); i++) {
				t.is("good operand", with(number(good)), {-EOPNOTSUPP});
				t.is("unaligned operand", with(number(good) + 4), {-EFAULT});
				t.is("no memory", with(8), {-EFAULT, -EOPNOTSUPP});
				t.is("forbidden memory", with(number(memory.end())),
				     {-EFAULT, -EOPNOTSUPP});
				t.is("kernel memory", with(0xffff888000000000),
				     {-EFAULT, -EOPNOTSUPP});
			}
			memory.read_only();
			t.is("read-only operand", with(number(memory.start())),
			     {-EFAULT, -EOPNOTSUPP});
		}
	}
}

void no_transport(trial &t)
{
	static std::uint8_t memory[8192];
	std::uint64_t cookie = 0;
	rds_get_mr_args mr{{number(memory), 4096}, number(&cookie), 0};
	rds_get_mr_for_dest_args dest{};
	dest.vec = mr.vec;
	dest.cookie_addr = mr.cookie_addr;
	sock fresh, preset, failed, tcp(t.set.tcp), loop(ip("127.0.0.1"));
	preset.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
	failed.bind(ip("198.51.100.1"));
	failed.bind(tcp.name());

	auto both = [&](const char *name, sock &s, long wanted) {
		t.is(std::string("RDS_GET_MR, ") + name,
		     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_GET_MR, &mr, sizeof(mr))),
		     {wanted});
		t.is(std::string("RDS_GET_MR_FOR_DEST, ") + name,
		     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_GET_MR_FOR_DEST, &dest,
					    sizeof(dest))),
		     {wanted});
		rds_free_mr_args none{};
		t.is(std::string("RDS_FREE_MR, ") + name,
		     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_FREE_MR, &none, sizeof(none))),
		     {-EINVAL});
	};
	both("fresh", fresh, -ENOTCONN);
	both("preset", preset, -ENOTCONN);
	both("failed bind", failed, -ENOTCONN);
	both("TCP", tcp, -EOPNOTSUPP);
	both("loopback", loop, -EOPNOTSUPP);
	t.is("the cookie", static_cast<long>(cookie), {0});
}

/* The very first thing that a peer is sent. */
void map_first(trial &t)
{
	file_pages memory(2);
	std::uint64_t cookie = 0;
	rds_get_mr_args mr{{number(memory.start()), 8192}, number(&cookie), 0};
	sock s(t.set.tcp), loop(ip("127.0.0.1"));
	for (int host = 10; host < 40; host++) {
		endpoint far = ip(("127.8.1." + std::to_string(host)).c_str(), 4000);
		message m(&far, "x", 1);
		m.add_control(SOL_RDS, RDS_CMSG_RDMA_MAP, &mr, sizeof(mr));
		t.is("RDMA_MAP to a new peer", m.send(loop, MSG_DONTWAIT), {-EOPNOTSUPP});
	}
	endpoint nobody = t.set.nobody();
	message m(&nobody, "x", 1);
	m.add_control(SOL_RDS, RDS_CMSG_RDMA_MAP, &mr, sizeof(mr));
	t.is("RDMA_MAP to a peer that does not answer", m.send(s, MSG_DONTWAIT), {-EOPNOTSUPP});
	t.expect("pages stay referenced", memory.unreferenced());
}

/* ------------------------------------------------- with an RDMA transport only */

/* The cookie cannot be written: the pages are given back once, not twice. */
void cookie_address(trial &t)
{
	sock s = rdma_socket(t);
	half_mapped hole;
	file_pages memory(4);
	endpoint nobody = t.set.rdma.with_port(4000);
	for (std::uint64_t i = 0; i < t.set.times(1000); i++) {
		rds_get_mr_args mr{{number(memory.start()), memory.size()}, number(hole.end()), 0};
		t.is("RDS_GET_MR with a forbidden cookie_addr",
		     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_GET_MR, &mr, sizeof(mr))),
		     {-EFAULT, -EOPNOTSUPP, -ENODEV});
		message m(&nobody, "x", 1);
		m.add_control(SOL_RDS, RDS_CMSG_RDMA_MAP, &mr, sizeof(mr));
		t.is("RDMA_MAP with a forbidden cookie_addr", m.send(s, MSG_DONTWAIT),
		     {-EFAULT, -EAGAIN});
	}
	faults nth;
	if (nth.available()) {
		std::uint64_t cookie = 0;
		rds_get_mr_args mr{{number(memory.start()), memory.size()}, number(&cookie), 0};
		unsigned n = nth.each(
			[&] {
				::setsockopt(s.fd(), SOL_RDS, RDS_GET_MR, &mr, sizeof(mr));
				message m(&nobody, "x", 1);
				m.add_control(SOL_RDS, RDS_CMSG_RDMA_MAP, &mr, sizeof(mr));
				return m.send(s, MSG_DONTWAIT);
			},
			[](long) {});
		t.note(std::to_string(n) + " injected failures");
	}
	s.close();
	t.expect("contents changed", memory.unchanged());
	t.expect("pages stay referenced", memory.unreferenced());
}

void get_mr_without_connection(trial &t)
{
	sock s = rdma_socket(t);
	static std::uint8_t memory[4096];
	std::uint64_t cookie;
	rds_get_mr_args mr{{number(memory), 4096}, number(&cookie), 0};
	t.is("RDS_GET_MR on ordinary memory",
	     result_of(::setsockopt(s.fd(), SOL_RDS, RDS_GET_MR, &mr, sizeof(mr))),
	     {-EOPNOTSUPP, -ENODEV, 0});
}

void status_padding(trial &t)
{
	sock s = rdma_socket(t);
	static std::uint8_t memory[4096];
	rds_iovec vec{number(memory), 4096};
	rds_rdma_args args{};
	args.remote_vec.bytes = 4096;
	args.local_vec_addr = number(&vec);
	args.nr_local = 1;
	args.flags = RDS_RDMA_NOTIFY_ME;
	endpoint nobody = t.set.rdma.with_port(4000);
	message m(&nobody, "x", 1);
	m.add_control(SOL_RDS, RDS_CMSG_RDMA_ARGS, &args, sizeof(args));
	t.is("RDMA without a key", m.send(s, MSG_DONTWAIT), {1});
	t.expect("no completion", s.becomes(POLLIN));
	message got(nullptr, nullptr, 0);
	got.control.fill(0xaa);
	got.receive(s, MSG_DONTWAIT);
	const cmsghdr *c = got.find(SOL_RDS, RDS_CMSG_RDMA_STATUS);
	std::uint32_t padding = 1;
	if (c)
		std::memcpy(&padding, CMSG_DATA(c) + 12, sizeof(padding));
	t.expect("bytes 12 to 15 of the completion are not zero", !padding);
}

void masked_atomics(trial &t)
{
	sock s = rdma_socket(t);
	alignas(8) static std::uint64_t operand;
	endpoint nobody = t.set.rdma.with_port(4000);
	for (int type : atomics) {
		rds_atomic_args a{};
		a.local_addr = number(&operand);
		a.flags = RDS_RDMA_NOTIFY_ME;
		message m(&nobody, nullptr, 0);
		m.add_control(SOL_RDS, type, &a, sizeof(a));
		t.is("atomic", m.send(s, MSG_DONTWAIT), {0});
	}
}

void ib_record(trial &t)
{
	sock s = rdma_socket(t);
	s.send(t.set.rdma.with_port(4000), 1, MSG_DONTWAIT);
	for (int list : {RDS_INFO_IB_CONNECTIONS, RDS6_INFO_IB_CONNECTIONS}) {
		std::vector<std::uint8_t> buffer(1 << 16, 0xaa);
		socklen_t len = 1 << 16;
		long stride = result_of(::getsockopt(s.fd(), SOL_RDS, list, buffer.data(), &len));
		if (stride == -ENOPROTOOPT)
			t.skip("the transport has no such list");
		std::size_t addresses = list == RDS_INFO_IB_CONNECTIONS ? 8 : 32;
		t.is("record size", stride, {68, 92});
		for (std::size_t at = 0; stride > 0 && at < len;
		     at += static_cast<std::size_t>(stride))
			t.expect("a connection that is not up tells something",
				 std::all_of(buffer.begin() + static_cast<long>(at + addresses),
					     buffer.begin() + static_cast<long>(at) + stride - 4,
					     [](auto b) { return !b; }));
	}
}

void close_with_rdma(trial &t)
{
	for (std::uint64_t i = 0; i < t.set.times(200); i++) {
		sock s = rdma_socket(t);
		static std::uint8_t memory[4096];
		std::uint64_t cookie;
		endpoint nobody = t.set.rdma.with_port(4000);
		rds_get_mr_args mr{{number(memory), 4096}, number(&cookie), RDS_RDMA_READWRITE};
		message m(&nobody, "x", 1);
		m.add_control(SOL_RDS, RDS_CMSG_RDMA_MAP, &mr, sizeof(mr));
		t.is("RDMA_MAP", m.send(s, MSG_DONTWAIT), {1, -EAGAIN});
	}
}

void device_without_rdma(trial &t)
{
	sock s;
	long r = s.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_IB);
	if (r == -ENOPROTOOPT)
		t.skip("no RDMA transport");
	t.is("preset", r, {0});
	for (const endpoint &local : {t.set.tcp, ip("127.0.0.1"), ip("::1")})
		t.is("bind to an address without an RDMA device", s.bind(local), {-ENOPROTOOPT});
	t.is("bind without a preset", sock().bind(t.set.tcp), {0});
}

void iwarp(trial &t)
{
	sock s;
	t.is("transport 1", s.set(SOL_RDS, SO_RDS_TRANSPORT, 1), {-ENOPROTOOPT});
	t.is("transport", s.transport(), {-1});
	t.is("bind after that", s.bind(t.set.tcp), {0});
}

const listed these{
	{"rdma-lengths", "CVE-2010-3865", "sum of the local vector overflows", vector_lengths},
	{"rdma-count", "CVE-2010-4175, S2.1.4", "size of the local vector overflows", vector_count},
	{"rdma-zero-pages", "CVE-2018-5332", "no page to put into the scatter list", zero_pages},
	{"rdma-changing", "CVE-2022-21385, S3.1.10", "request changes during the call",
	 changing_vector, 60},
	{"rdma-operand", "CVE-2018-5333", "operand of an atomic cannot be pinned", atomic_operand},
	{"mr-no-transport", "CVE-2018-7492, K17.10", "memory region on a socket without transport",
	 no_transport},
	{"mr-first", "CVE-2026-31425", "RDMA_MAP as the first message to a peer", map_first},
	{"mr-cookie", "CVE-2026-46053, S3.1.8", "cookie_addr cannot be written", cookie_address},
	{"mr-unconnected", "CVE-2024-35902, CVE-2024-27024", "memory region without a connection",
	 get_mr_without_connection},
	{"mr-close", "S2.1.26, S2.1.27", "closed with memory regions", close_with_rdma},
	{"rdma-padding", "S2.1.11", "padding of the completion", status_padding},
	{"rdma-masked", "CVE-2026-52939", "completion of masked atomics", masked_atomics},
	{"ib-record", "CVE-2026-52995", "record of a connection that is not up", ib_record},
	{"ib-no-device", "CVE-2013-7339", "bind to an address without RDMA", device_without_rdma},
	{"iwarp", "CVE-2014-2678", "transport that is gone", iwarp},
};

} // namespace
