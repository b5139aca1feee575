// SPDX-License-Identifier: GPL-2.0
/*
 * The control stream between two rds-stress, over TCP: frames with a fixed head (magic, version,
 * type, length of the body), all in network byte order. It is this program's own, and says so: a
 * peer that speaks another one is told, not misunderstood. The decoder takes bytes as they come,
 * keeps no more than one frame and trusts no number. One thread.
 */
#ifndef RDS_TOOLS_STRESS_CONTROL_H
#define RDS_TOOLS_STRESS_CONTROL_H

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include "stress_bytes.h"
#include "stress_options.h"

namespace rds_tools::stress {

constexpr std::uint32_t control_magic = 0x52445374; /* "RDSt" */
constexpr std::uint16_t control_version = 2;
constexpr std::size_t frame_head = 12, max_frame_body = 512;

enum class frame_type : std::uint8_t {
	options = 1, /* active to passive, first of all */
	accepted, /* passive to active */
	refused, /* the reason is the body */
	go, /* this side's tasks are ready to receive */
	bye, /* the end, as it should be */
	failed, /* the end, as it should not be; the reason is the body */
};

struct frame {
	frame_type type;
	std::vector<std::uint8_t> body;

	/* The words of a stranger: cut, and only what does no harm on a terminal. */
	std::string text() const
	{
		std::string out(body.begin(), body.end());
		for (char &c : out)
			if (c < ' ' || c > '~')
				c = '?';
		return out;
	}
};

inline std::vector<std::uint8_t> encode_frame(frame_type type, std::span<const std::uint8_t> body)
{
	std::size_t length = std::min(body.size(), max_frame_body);
	writer out;

	out.put(control_magic).put(control_version);
	out.put(static_cast<std::uint8_t>(type)).put(std::uint8_t{0});
	out.put(static_cast<std::uint32_t>(length));
	for (std::uint8_t byte : body.first(length))
		out.put(byte);
	return out.bytes();
}

inline std::vector<std::uint8_t> encode_frame(frame_type type, const std::string &text = "")
{
	std::vector<std::uint8_t> body(text.begin(), text.end());
	return encode_frame(type, body);
}

class frame_decoder {
public:
	void feed(std::span<const std::uint8_t> bytes)
	{
		in_.insert(in_.end(), bytes.begin(), bytes.end());
	}

	/* The next whole frame. Throws std::runtime_error when this cannot become one. */
	std::optional<frame> next()
	{
		reader in(in_);
		auto magic = in.get<std::uint32_t>();
		/* A wrong first byte is enough: who waits for twelve may wait for ever. */
		if (!begins_with_magic())
			throw std::runtime_error("the peer does not speak rds-stress's language");
		auto version = in.get<std::uint16_t>();
		auto type = in.get<std::uint8_t>();
		in.get<std::uint8_t>();
		auto length = in.get<std::uint32_t>();
		if (!in.ok())
			return std::nullopt;
		check(magic, version, type, length);
		if (in_.size() - frame_head < length)
			return std::nullopt;

		auto body = in_.begin() + frame_head;
		frame out{static_cast<frame_type>(type), {body, body + length}};
		in_.erase(in_.begin(), body + length);
		return out;
	}

private:
	bool begins_with_magic() const
	{
		for (std::size_t i = 0; i < in_.size() && i < 4; i++)
			if (in_[i] != static_cast<std::uint8_t>(control_magic >> (8 * (3 - i))))
				return false;
		return true;
	}

	static void check(std::uint32_t magic, std::uint16_t version, std::uint8_t type,
			  std::uint32_t length)
	{
		if (magic != control_magic)
			throw std::runtime_error("the peer does not speak rds-stress's language");
		if (version != control_version)
			throw std::runtime_error("the peer's rds-stress is another one: its "
						 "control stream has version " +
						 std::to_string(version) + ", ours " +
						 std::to_string(control_version));
		if (type < static_cast<std::uint8_t>(frame_type::options) ||
		    type > static_cast<std::uint8_t>(frame_type::failed))
			throw std::runtime_error("the peer sent a frame of unknown type " +
						 std::to_string(type));
		if (length > max_frame_body)
			throw std::runtime_error("the peer sent a frame of " +
						 std::to_string(length) + " bytes");
	}

	std::vector<std::uint8_t> in_;
};

inline std::vector<std::uint8_t> encode_options(const shared_options &opt)
{
	writer out;

	out.put(opt.request_bytes).put(opt.ack_bytes).put(opt.depth).put(opt.tasks);
	out.put(opt.seconds).put(opt.run).put(opt.tos);
	const rdma_options &r = opt.rdma;
	out.put(r.bytes).put(r.vectors).put(r.alignment).put(r.mode);
	for (bool flag : {opt.one_way, opt.verify, opt.cong_monitor, r.use_once, r.use_get_mr,
			  r.use_fence, r.cache_mrs})
		out.put(static_cast<std::uint8_t>(flag));
	return out.bytes();
}

/* Throws std::runtime_error with the reason when this side cannot or will not do it. */
inline shared_options decode_options(std::span<const std::uint8_t> body, std::uint16_t port)
{
	reader in(body);
	shared_options opt;

	opt.request_bytes = in.get<std::uint32_t>();
	opt.ack_bytes = in.get<std::uint32_t>();
	opt.depth = in.get<std::uint32_t>();
	opt.tasks = in.get<std::uint32_t>();
	opt.seconds = in.get<std::uint32_t>();
	opt.run = in.get<std::uint64_t>();
	opt.tos = in.get<std::uint8_t>();
	rdma_options &r = opt.rdma;
	r.bytes = in.get<std::uint32_t>();
	r.vectors = in.get<std::uint32_t>();
	r.alignment = in.get<std::uint32_t>();
	r.mode = in.get<std::uint8_t>();
	for (bool *flag : {&opt.one_way, &opt.verify, &opt.cong_monitor, &r.use_once, &r.use_get_mr,
			   &r.use_fence, &r.cache_mrs}) {
		auto value = in.get<std::uint8_t>();
		if (value > 1)
			throw std::runtime_error("an option is neither on nor off");
		*flag = value;
	}
	if (!in.exact())
		throw std::runtime_error("the options have the wrong length");
	auto why = refusal(opt, port);
	if (!why.empty())
		throw std::runtime_error(why);
	return opt;
}

} // namespace rds_tools::stress

#endif
