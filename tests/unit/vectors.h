/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Headers as known peers send them, and the checksum each would carry; and our own handshake, put
 * together as net/rds/ping.cc does. For tests only.
 */
#pragma once

#include <cstdint>

#include <rds/exthdr.h>

namespace test {

struct vector {
	const char *name;
	const char *bytes;
	std::uint16_t sum;
};

/* In the order of the indices below. */
constexpr vector vectors[] = {
	{"probe of a 6.x kernel, sequence 1",
	 "00000000 00000001 00000000 00000000 00000000 00010000 00000000 00000000 "
	 "05000800 00000000 00000000 00000000",
	 0xf2fd},
	{"probe of a 7.x kernel, sequence 1, generation a1b2c3d4",
	 "00000000 00000001 00000000 00000000 00000000 00010000 00000000 00000000 "
	 "05000806 a1b2c3d4 08000000 00000000",
	 0x8570},
	{"probe reply of a 6.x kernel, sequence 1",
	 "00000000 00000001 00000000 00000000 00000000 00000001 00000000 00000000 "
	 "05000800 00000000 00000000 00000000",
	 0xf2fd},
	{"congestion map",
	 "00000000 00000000 00000000 00000000 00002000 00000000 01000000 00000000 "
	 "00000000 00000000 00000000 00000000",
	 0xdeff},
	{"data, sequence 2, 5 bytes, 10000 to 20000",
	 "00000000 00000002 00000000 00000000 00000005 27104e20 00000000 00000000 "
	 "00000000 00000000 00000000 00000000",
	 0x8ac8},
	{"RDMA data, flags 06, credit 3, RDMA_DEST deadbeef/0x123",
	 "01020304 05060708 11121314 15161718 00000100 27104e20 06030000 00000000 "
	 "03deadbe ef000001 23000000 00000000",
	 0x5fc5},
};

enum vector_index {
	old_probe,
	new_probe,
	old_probe_reply,
	map_header,
	data_header,
	rdma_header,
};

inline rds_header our_probe(std::uint32_t gen, std::uint16_t lanes)
{
	rds_header hdr = rds::make_header(kernel::be16(RDS_FLAG_PROBE_PORT),
					  kernel::be16(RDS_PING_PORT), 0);

	rds::write_handshake(hdr, gen, lanes);
	return hdr;
}

inline rds_header our_probe_reply(std::uint32_t gen, std::uint16_t lanes)
{
	rds_header hdr = rds::make_pong(kernel::be16(RDS_FLAG_PROBE_PORT));

	rds::write_handshake(hdr, gen, lanes);
	return hdr;
}

} // namespace test
