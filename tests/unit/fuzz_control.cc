// SPDX-License-Identifier: GPL-2.0
/*
 * Any bytes as a control stream of rds-stress, cut in any way: the decoder ends with an exception
 * or wants more, keeps no more than one frame, and lets no options through that could not be run.
 */
#include "stress_control.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>

using namespace rds_tools::stress;

namespace {

constexpr std::uint16_t port = 4000;

void require(bool holds)
{
	if (!holds)
		std::abort();
}

void take(const frame &got)
{
	require(got.body.size() <= max_frame_body);
	for (char c : got.text())
		require(c >= ' ' && c <= '~');
	if (got.type != frame_type::options)
		return;
	auto opt = decode_options(got.body, port);
	require(refusal(opt, port).empty());
	require(encode_options(opt) == got.body);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size)
{
	std::span<const std::uint8_t> in(data, size);
	frame_decoder decoder;

	if (in.empty())
		return 0;
	/* the first byte says how the rest is cut */
	std::size_t piece = in[0] % 32 + 1;
	try {
		for (in = in.subspan(1); !in.empty();) {
			std::size_t n = std::min(piece, in.size());
			decoder.feed(in.first(n));
			in = in.subspan(n);
			while (auto got = decoder.next())
				take(*got);
		}
	} catch (const std::runtime_error &) {
		/* a stream that is refused */
	}

	/* behind a good head, so that options are reached */
	try {
		decoder = frame_decoder();
		decoder.feed(encode_frame(frame_type::options, std::span(data, size)));
		if (auto got = decoder.next())
			take(*got);
	} catch (const std::runtime_error &) {
	}
	return 0;
}
