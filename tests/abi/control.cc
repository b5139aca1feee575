// SPDX-License-Identifier: GPL-2.0
/*
 * Control messages on send: the shape of each, what may stand together, what TCP and loopback refuse.
 */
#include <array>
#include <string>

#include "topics.h"

namespace {

struct request {
	int type;
	const void *data;
	std::size_t len;
};

long send_with(sock &s, const endpoint &to, std::initializer_list<request> all)
{
	message m(&to, "x", 1);
	for (const request &r : all)
		m.add_control(SOL_RDS, r.type, r.data, r.len);
	return m.send(s);
}

/* Two requests in one message. */
void rows_together(tap &t, const endpoint &to, sock &s, rds_rdma_args args, rds_atomic_args atomic,
		   const rds_get_mr_args &mr)
{
	std::uint64_t cookie = 77, words[8] = {};
	rds_iovec vec{reinterpret_cast<std::uint64_t>(words), 64};
	args.local_vec_addr = reinterpret_cast<std::uint64_t>(&vec);
	args.nr_local = 1;
	args.remote_vec.bytes = 64;
	atomic.local_addr = reinterpret_cast<std::uint64_t>(words);
	request rdma{RDS_CMSG_RDMA_ARGS, &args, sizeof(args)};
	request add{RDS_CMSG_ATOMIC_FADD, &atomic, sizeof(atomic)};
	request swap{RDS_CMSG_MASKED_ATOMIC_CSWP, &atomic, sizeof(atomic)};
	request dest{RDS_CMSG_RDMA_DEST, &cookie, sizeof(cookie)};
	request map{RDS_CMSG_RDMA_MAP, &mr, sizeof(mr)};
	request zcopy{RDS_CMSG_ZCOPY_COOKIE, &cookie, 4};
	request unknown{99, &cookie, 8};

	t.is("ARGS twice", -EINVAL, send_with(s, to, {rdma, rdma}));
	t.is("atomic twice", -EINVAL, send_with(s, to, {add, add}));
	t.is("two different atomics", -EINVAL, send_with(s, to, {add, swap}));
	t.is("ARGS and DEST", -EINVAL, send_with(s, to, {rdma, dest}));
	t.is("ARGS and MAP", -EINVAL, send_with(s, to, {rdma, map}));
	t.is("ARGS and ZCOPY_COOKIE", -EINVAL, send_with(s, to, {rdma, zcopy}));
	t.is("atomic and DEST", -EINVAL, send_with(s, to, {add, dest}));
	t.is("MAP and atomic", -EINVAL, send_with(s, to, {map, add}));
	t.is("ARGS and atomic", -EOPNOTSUPP, send_with(s, to, {rdma, add}));
	t.is("MAP twice", -EOPNOTSUPP, send_with(s, to, {map, map}));
	t.is("DEST and MAP", -EINVAL, send_with(s, to, {dest, map}));
	t.is("ARGS and unknown", -EINVAL, send_with(s, to, {rdma, unknown}));
	vec.bytes = 0;
	t.is("bad ARGS and unknown", -EINVAL, send_with(s, to, {unknown, rdma}));
	vec.bytes = 64;
	args.flags = 0xff;
	t.is("ARGS with all flags", -EOPNOTSUPP, send_with(s, to, {rdma}));
	args.remote_vec.bytes = 600000;
	vec.bytes = 64;
	t.is("ARGS twice, together more than 1 MiB", -EMSGSIZE, send_with(s, to, {rdma, rdma}));
}

void rows_requests(tap &t, const place &p)
{
	t.section("control, " + p.name);
	sock to(p.at()), s(p.at());
	endpoint name = to.name();
	std::array<std::uint64_t, 512> memory{};
	std::uint64_t cookie = 0;

	auto send = [&](int type, const void *data, std::size_t len) {
		message m(&name, "x", 1);
		m.add_control(SOL_RDS, type, data, len);
		return m.send(s);
	};
	rds_iovec vec{reinterpret_cast<std::uint64_t>(memory.data()), 64};
	rds_rdma_args args{};
	args.remote_vec.bytes = 64;
	args.local_vec_addr = reinterpret_cast<std::uint64_t>(&vec);
	args.nr_local = 1;

	t.is("ARGS, short", -EINVAL, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args) - 1));
	t.is("ARGS", -EOPNOTSUPP, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	args.nr_local = 0;
	t.is("ARGS, no local vector", -EINVAL, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	for (std::uint64_t count :
	     {std::uint64_t{1025}, std::uint64_t{1} << 32, (std::uint64_t{1} << 60) + 1}) {
		args.nr_local = count;
		t.is("ARGS, " + std::to_string(count) + " local vectors", -EMSGSIZE,
		     send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	}
	args.nr_local = 1;
	args.local_vec_addr = 1;
	t.is("ARGS, bad local vector", -EFAULT, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	args.local_vec_addr = reinterpret_cast<std::uint64_t>(&vec);
	vec.bytes = 0;
	t.is("ARGS, empty local vector", -EINVAL, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	vec = {~std::uint64_t{0} - 10, 64};
	t.is("ARGS, local vector wraps", -EINVAL, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	vec = {reinterpret_cast<std::uint64_t>(memory.data()), 65};
	t.is("ARGS, more local than remote", -EINVAL,
	     send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));
	args.remote_vec.bytes = (1 << 20) + 1;
	t.is("ARGS, more than 1 MiB", -EMSGSIZE, send(RDS_CMSG_RDMA_ARGS, &args, sizeof(args)));

	t.is("DEST, short", -EINVAL, send(RDS_CMSG_RDMA_DEST, &cookie, 7));
	t.is("DEST, unknown key", -EINVAL, send(RDS_CMSG_RDMA_DEST, &cookie, 8));
	rds_get_mr_args mr{{reinterpret_cast<std::uint64_t>(memory.data()), 4096},
			   reinterpret_cast<std::uint64_t>(&cookie),
			   0};
	t.is("MAP, short", -EINVAL, send(RDS_CMSG_RDMA_MAP, &mr, sizeof(mr) - 1));
	t.is("MAP", -EOPNOTSUPP, send(RDS_CMSG_RDMA_MAP, &mr, sizeof(mr)));

	rds_atomic_args atomic{};
	atomic.local_addr = reinterpret_cast<std::uint64_t>(memory.data());
	for (int type : {RDS_CMSG_ATOMIC_FADD, RDS_CMSG_ATOMIC_CSWP, RDS_CMSG_MASKED_ATOMIC_FADD,
			 RDS_CMSG_MASKED_ATOMIC_CSWP}) {
		std::string text = "atomic " + std::to_string(type);
		t.is(text + ", short", -EINVAL, send(type, &atomic, sizeof(atomic) - 1));
		t.is(text, -EOPNOTSUPP, send(type, &atomic, sizeof(atomic)));
	}
	atomic.local_addr += 4;
	t.is("atomic, unaligned", -EFAULT, send(RDS_CMSG_ATOMIC_FADD, &atomic, sizeof(atomic)));

	rows_together(t, name, s, args, atomic, mr);
	t.ok("nothing arrived", to.empty());
}

/* What the transport has not is refused in whatever form it comes, and leaves nothing behind. */
void rows_refused(tap &t, const place &p)
{
	t.section("refused, " + p.name);
	sock to(p.at()), s(p.at());
	endpoint name = to.name();
	std::array<std::uint8_t, 160> data{};

	for (int type = RDS_CMSG_RDMA_ARGS; type <= RDS_CMSG_ZCOPY_COMPLETION + 1; type++)
		for (std::size_t len : {0, 1, 4, 8, 32, 56, 72, 160}) {
			message m(&name, "x", 1);
			m.add_control(SOL_RDS, type, data.data(), len);
			t.ok("control type " + std::to_string(type) + " of " + std::to_string(len) +
				     " bytes is refused",
			     m.send(s) < 0);
		}
	s.set(SOL_SOCKET, SO_ZEROCOPY, 1);
	t.ok("MSG_ZEROCOPY without a cookie", s.send(name, 1, MSG_ZEROCOPY) < 0);
	for (int option : {RDS_GET_MR, RDS_FREE_MR, RDS_GET_MR_FOR_DEST})
		for (socklen_t len : {0, 16, 32, 160})
			t.ok("option " + std::to_string(option) + " of " + std::to_string(len) +
				     " bytes",
			     ::setsockopt(s.fd(), SOL_RDS, option, data.data(), len) < 0);
	t.is("send", 4, s.send_text(name, "last"));
	t.ok("nothing arrived but this", to.receives("last") && to.empty());
}

} // namespace

void topic_control(tap &t, const world &w)
{
	for (const place *p : {&w.loop, &w.tcp}) {
		rows_requests(t, *p);
		rows_refused(t, *p);
	}
	t.section("control");
	t.skip("RDMA and atomics that work", "no transport here has them; kunit does");
}
