// SPDX-License-Identifier: GPL-2.0
/*
 * Any SENDs one after the other: what is kept of a message is what its first header said, no byte more
 * or less. Of the input, 3 bytes for each: what is done to the header of before, and the length.
 */
#include <cstring>

#include <rds/ib_assembly.h>

#include "fuzz_check.h"

using test::check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	using namespace rds::ib;
	assembly a;
	rds_header hdr{};
	std::uint64_t kept = 0;
	std::uint32_t announced = 0;

	if (size >= sizeof(hdr)) {
		std::memcpy(&hdr, data, sizeof(hdr));
		data += sizeof(hdr);
		size -= sizeof(hdr);
		if (hdr.h_len.host() % 3)
			hdr.h_len = kernel::be32(hdr.h_len.host() % (RDS_MAX_MSG_SIZE + 2));
	}
	for (; size >= 3; data += 3, size -= 3) {
		reinterpret_cast<std::uint8_t *>(&hdr)[data[0] % sizeof(hdr)] ^= data[1];
		if (data[0] & 0x80)
			hdr.h_csum = data[0] & 0x40 ? kernel::be16(0) : rds::header_csum(hdr);
		std::uint32_t part = data[2] & 1 ? RDS_FRAG_SIZE : data[2] * 17U;
		if (data[2] & 2)
			part = hdr.h_len.host() % RDS_FRAG_SIZE;
		bool first = !a.begun();
		std::uint32_t bytes = part + (data[2] == 0xfc ? 0 : RDS_HEADER_BYTES);
		switch (a.take(hdr, bytes)) {
		case verdict::ack_only:
			check(bytes == RDS_HEADER_BYTES);
			continue;
		case verdict::part:
		case verdict::complete:
			break;
		default:
			return 0;
		}
		check(rds::header_csum_ok(hdr));
		if (first) {
			kept = 0;
			announced = hdr.h_len.host();
			check(announced <= RDS_MAX_MSG_SIZE);
		}
		kept += bytes - RDS_HEADER_BYTES;
		check(a.header().h_len.host() == announced && kept <= announced);
		/* all but the last are full: pages can be laid out in advance */
		check(!a.begun() || kept % RDS_FRAG_SIZE == 0);
		if (!a.begun())
			check(kept == announced);
	}
	return 0;
}
