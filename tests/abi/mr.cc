// SPDX-License-Identifier: GPL-2.0
/*
 * Memory regions where no transport has them: on fresh, preset and bound sockets, every length, bad pointers.
 * What they do on a transport that has them is the subject of kunit.
 */
#include <array>
#include <string>

#include "topics.h"

namespace {

long set(sock &on, int option, const void *value, socklen_t len)
{
	return result_of(::setsockopt(on.fd(), SOL_RDS, option, value, len));
}

void rows_mr(tap &t, const std::string &name, sock &s, long expected)
{
	t.section("memory regions, " + name);
	std::array<std::uint64_t, 512> memory{};
	std::uint64_t cookie = 0x1234;
	auto at = [](const void *p) { return reinterpret_cast<std::uint64_t>(p); };
	rds_get_mr_args mr{{at(memory.data()), 4096}, at(&cookie), 0};
	rds_get_mr_for_dest_args dest{};
	dest.vec = mr.vec;
	dest.cookie_addr = mr.cookie_addr;
	rds_free_mr_args release{};

	for (socklen_t len : {0, 31, 33})
		t.is("GET_MR, length " + std::to_string(len), -EINVAL,
		     set(s, RDS_GET_MR, &mr, len));
	t.is("GET_MR, bad pointer", -EFAULT, set(s, RDS_GET_MR, bad_pointer, 32));
	t.is("GET_MR", expected, set(s, RDS_GET_MR, &mr, 32));
	for (socklen_t len : {0, 159, 161})
		t.is("GET_MR_FOR_DEST, length " + std::to_string(len), -EINVAL,
		     set(s, RDS_GET_MR_FOR_DEST, &dest, len));
	t.is("GET_MR_FOR_DEST, bad pointer", -EFAULT,
	     set(s, RDS_GET_MR_FOR_DEST, bad_pointer, 160));
	t.is("GET_MR_FOR_DEST", expected, set(s, RDS_GET_MR_FOR_DEST, &dest, 160));
	mr.vec.bytes = 0;
	t.is("GET_MR, no bytes", expected, set(s, RDS_GET_MR, &mr, 32));
	mr.vec = {~std::uint64_t{0}, 4096};
	t.is("GET_MR, wraps", expected, set(s, RDS_GET_MR, &mr, 32));
	mr.vec = {at(memory.data()), 1 << 30};
	t.is("GET_MR, too long", expected, set(s, RDS_GET_MR, &mr, 32));
	t.ok("no cookie was written", cookie == 0x1234);
	for (socklen_t len : {0, 15, 17})
		t.is("FREE_MR, length " + std::to_string(len), -EINVAL,
		     set(s, RDS_FREE_MR, &release, len));
	t.is("FREE_MR, bad pointer", -EFAULT, set(s, RDS_FREE_MR, bad_pointer, 16));
	t.is("FREE_MR, 0", -EINVAL, set(s, RDS_FREE_MR, &release, 16));
	release.cookie = 12345;
	t.is("FREE_MR, unknown", -EINVAL, set(s, RDS_FREE_MR, &release, 16));
	release.flags = 0xff;
	t.is("FREE_MR, unknown, all flags", -EINVAL, set(s, RDS_FREE_MR, &release, 16));
}

} // namespace

void topic_mr(tap &t, const world &w)
{
	sock fresh, preset, failed, loop(w.loop.at()), tcp(w.near);

	preset.set(SOL_RDS, SO_RDS_TRANSPORT, RDS_TRANS_TCP);
	failed.bind(ip("198.51.100.1", 1));
	rows_mr(t, "fresh", fresh, -ENOTCONN);
	rows_mr(t, "transport chosen", preset, -ENOTCONN);
	rows_mr(t, "bind failed", failed, -ENOTCONN);
	rows_mr(t, "loopback", loop, -EOPNOTSUPP);
	rows_mr(t, "TCP", tcp, -EOPNOTSUPP);
}
