// SPDX-License-Identifier: GPL-2.0
/* Any bytes as private data of a REQ or REP, either format. */
#include <cstring>
#include <vector>

#include <rds/ib_cm.h>

#include "fuzz_check.h"

using test::check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	using namespace rds::ib;
	/* Alone on the heap: a byte beyond it is beyond the allocation. */
	std::vector<std::uint8_t> bytes(data, data + size);

	for (bool v6 : {false, true}) {
		introduction peer;
		bool read = read_introduction(bytes.data(), size, v6, peer);
		check(read == (size >= format_of(v6).size()));
		std::uint16_t version = accept_version(bytes.data(), size, v6);
		check(!version || version == version_3_1 || version == version_4_0 ||
		      version == version_4_1);
		check(size || !version);
		std::uint16_t settled = settled_version(version_4_1, bytes.data(), size, v6);
		check(!settled || settled >= version_3_1);
		if (!read)
			continue;
		/* what is read is all that counts: it can be said again */
		std::vector<std::uint8_t> again(format_of(v6).size());
		introduction same;
		write_introduction(again.data(), v6, peer);
		check(read_introduction(again.data(), again.size(), v6, same));
		check(!std::memcmp(&same.source, &peer.source, sizeof(same.source)) &&
		      !std::memcmp(&same.destination, &peer.destination, sizeof(same.source)) &&
		      same.version == peer.version && same.minors == peer.minors &&
		      same.tos == peer.tos && same.ack == peer.ack && same.credit == peer.credit);
	}
	return 0;
}
