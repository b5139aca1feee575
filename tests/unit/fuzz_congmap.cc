// SPDX-License-Identifier: GPL-2.0
/* Any bytes as a list of map operations, against an array with one byte for each port. */
#include <cstring>
#include <vector>

#include <rds/congmap.h>

#include "fuzz_check.h"

using test::check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	std::vector<std::uint8_t> map(RDS_CONG_MAP_BYTES);
	std::vector<std::uint8_t> before;
	std::vector<bool> congested(RDS_CONG_MAP_PORTS);
	std::uint64_t relieved = 0;
	std::size_t count = 0;

	/* Each operation: what to do, port. */
	for (std::size_t i = 0; i + 3 <= size; i += 3) {
		auto port = static_cast<std::uint16_t>(data[i + 1] << 8 | data[i + 2]);
		bool was = congested[port];

		if (data[i] & 2 && before.empty())
			before = map;
		check(rds::congmap_test(map.data(), port) == was);
		if (data[i] & 1) {
			check(rds::congmap_set(map.data(), port) == !was);
			count += !was;
		} else {
			check(rds::congmap_clear(map.data(), port) == was);
			count -= was;
		}
		congested[port] = data[i] & 1;
	}

	/* Against the map as it was at some point in between. */
	if (!before.empty()) {
		for (std::size_t i = 0; i < map.size(); i++)
			for (unsigned int bit = 0; bit < 8 && before[i]; bit++)
				if ((before[i] >> bit & 1) && !congested[i * 8 + bit])
					relieved |= std::uint64_t{1} << (i * 8 + bit) % 64;
		check(rds::congmap_relieved(before.data(), map.data(), map.size()) == relieved);
	}

	std::size_t bits = 0;

	for (std::uint8_t byte : map)
		bits += static_cast<std::size_t>(__builtin_popcount(byte));
	check(bits == count);
	return 0;
}
