// SPDX-License-Identifier: GPL-2.0
/* Any 48 bytes as a header: checksum and classification against their definitions. */
#include <cstring>

#include <rds/csum.h>
#include <rds/header.h>
#include <rds/sequence.h>

#include "fuzz_check.h"

using test::check;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	std::uint8_t raw[48] = {};
	rds_header hdr;
	std::uint32_t sum = 0;

	if (size)
		std::memcpy(raw, data, size < 48 ? size : 48);
	std::memcpy(&hdr, raw, sizeof(hdr));
	for (std::size_t i = 0; i < 48; i += 2) {
		sum += raw[i] * 256U + raw[i + 1];
		if (sum > 0xffff)
			sum -= 0xffff;
	}

	bool stored = raw[30] || raw[31];

	check(rds::header_csum_ok(hdr) == (!stored || sum == 0xffff));

	rds_header sealed = hdr;

	sealed.h_csum = rds::header_csum(hdr);
	check(rds::header_csum_ok(sealed));
	check(rds::header_csum(sealed) == sealed.h_csum);

	bool map = raw[24] == 1;
	unsigned int sport = raw[20] * 256U + raw[21];
	unsigned int dport = raw[22] * 256U + raw[23];

	check(rds::is_congestion_map(hdr) == map);
	check(rds::is_ping(hdr) == (!map && dport == 0));
	check(rds::wants_pong(hdr) == (!map && dport == 0 && sport != 0));
	check(rds::is_probe(hdr) == (!map && dport == 0 && sport == 1));
	check(rds::is_probe_reply(hdr) == (!map && dport == 1 && sport == 0));
	/* What is answered can't be an answer: two nodes never keep each other busy. */
	if (rds::wants_pong(hdr))
		check(!rds::wants_pong(rds::make_pong(hdr.h_sport)));

	rds::recv_sequence seq{hdr.h_ack.host()};
	std::uint64_t number = hdr.h_sequence.host();
	bool accepted = seq.accept(number, hdr.h_flags);

	check(accepted == !(number < hdr.h_ack.host() && (raw[24] & 4)));
	check(seq.next == (accepted ? number + 1 : hdr.h_ack.host()));
	return 0;
}
