// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes as an RDS-TCP stream, cut anywhere: what is delivered may not depend on the
 * cuts, no length beyond the limit is accepted, and every byte is accounted for.
 */
#include <cstring>

#include "fuzz_check.h"
#include "stream_driver.h"

using test::check;

namespace {

/*
 * The first input byte says how wild lengths and checksums may be, else the fuzzer would
 * hardly ever see a second message.
 */
void tame(test::bytes &wire, std::uint8_t mode)
{
	if (mode & 1)
		return;
	for (std::size_t at = 0; at + 48 <= wire.size();) {
		wire[at + 16] = wire[at + 17] = 0;
		wire[at + 18] &= mode & 2 ? 0x20 : 0;
		if (!(mode & 4))
			wire[at + 30] = wire[at + 31] = 0;
		at += 48 + wire[at + 18] * 256U + wire[at + 19];
	}
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	if (size < 9)
		return 0;

	test::bytes wire(data + 9, data + size);
	std::uint64_t rng;

	std::memcpy(&rng, data + 1, sizeof(rng));
	rng |= 1;
	tame(wire, data[0]);
	/* Maps are longer than what the fuzzer makes up. */
	if ((data[0] & 0x1f) == 8)
		wire.resize(wire.size() + 9000);

	test::driver whole;
	std::size_t consumed = whole.feed(wire);
	test::driver cut;
	std::size_t pos = 0;

	while (pos < wire.size()) {
		rng ^= rng << 13;
		rng ^= rng >> 7;
		rng ^= rng << 17;

		std::size_t n = 1 + rng % (rng & 0x100 ? 3000 : 60);

		if (n > wire.size() - pos)
			n = wire.size() - pos;

		/* A copy, so that a read beyond the piece is seen. */
		test::bytes piece(wire.begin() + static_cast<long>(pos),
				  wire.begin() + static_cast<long>(pos + n));
		std::size_t used = cut.feed(piece);

		pos += used;
		if (used < n)
			break;
		if (cut.stream.error() != rds::stream_error::none)
			break;
	}

	check(pos == consumed);
	check(cut.delivered == whole.delivered);
	check(cut.stream.error() == whole.stream.error());
	check(cut.stream.hdr_rem == whole.stream.hdr_rem);
	check(cut.stream.data_rem == whole.stream.data_rem);
	/* A header is not accepted before its length is known to be harmless. */
	if (whole.stream.hdr_rem == 0)
		check((whole.stream.header.h_len.host() <= RDS_MAX_MSG_SIZE &&
		       rds::header_csum_ok(whole.stream.header)) ==
		      (whole.stream.error() == rds::stream_error::none));
	check((consumed == wire.size()) || (whole.stream.error() != rds::stream_error::none));

	std::size_t accounted = whole.stream.error() == rds::stream_error::none
					? 48 - whole.stream.hdr_rem
					: 48;

	if (whole.stream.hdr_rem == 0 && whole.stream.error() == rds::stream_error::none)
		accounted += whole.stream.header.h_len.host() - whole.stream.data_rem;
	for (const test::delivery &d : whole.delivered) {
		rds_header hdr = d.header();

		accounted += 48 + hdr.h_len.host();
		check(hdr.h_len.host() <= RDS_MAX_MSG_SIZE);
		check(rds::header_csum_ok(hdr));
		if (d.kind == rds::stream_kind::message || d.kind == rds::stream_kind::map)
			check(d.payload.size() == hdr.h_len.host());
		else
			check(d.payload.empty());
		check((d.kind == rds::stream_kind::map) ==
		      (hdr.h_flags == 1 && hdr.h_len.host() == 8192));
	}
	check(accounted == consumed);
	return 0;
}
