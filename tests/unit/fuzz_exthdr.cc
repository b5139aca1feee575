// SPDX-License-Identifier: GPL-2.0
/* Any 16 bytes as an extension area: the reader against a table-driven second reader. */
#include <cstring>
#include <vector>

#include <rds/exthdr.h>

#include "fuzz_check.h"

using test::check;

namespace {

struct element {
	std::size_t at;
	std::size_t len;
};

std::vector<element> slow_read(const std::uint8_t *area)
{
	const std::size_t length[16] = {0, 4, 4, 8, 8, 2, 4, 4, 1, 8};
	std::vector<element> out;
	std::size_t at = 0;

	while (at < 16 && area[at] > 0 && area[at] < 16 && at + length[area[at]] < 16) {
		out.push_back({at, length[area[at]]});
		at += 1 + length[area[at]];
	}
	return out;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	/* Alone on the heap: a step beyond the area is a step beyond the allocation. */
	std::vector<std::uint8_t> area(16);
	rds_header hdr{};
	rds::exthdr ext;
	std::size_t count = 0;

	if (size)
		std::memcpy(area.data(), data, size < 16 ? size : 16);
	std::memcpy(hdr.h_exthdr, area.data(), 16);

	std::vector<element> want = slow_read(area.data());
	rds::exthdr_reader reader{rds::const_exthdr_area{area.data(), 16}};

	while (reader.next(ext)) {
		check(count < want.size());
		check(ext.type == area[want[count].at]);
		check(ext.payload.size() == want[count].len);
		check(ext.payload.data() == area.data() + want[count].at + 1);
		static_cast<void>(ext.u8() + ext.u16() + ext.u32(4) + ext.rdma_cookie());
		count++;
	}
	check(count == want.size());
	check(!reader.next(ext));

	rds::handshake hs = rds::read_handshake(hdr);
	unsigned int lanes = hs.lanes(0);

	check(lanes == 1 || lanes == 2 || lanes == 4 || lanes == 8);
	check(hs.lanes(8) == 8);
	return 0;
}
