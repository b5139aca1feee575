// SPDX-License-Identifier: GPL-2.0
/*
 * Control messages for the fuzzer: contents that look valid, in any order, cut, repeated, unaligned
 * and with lengths that lie. Pointers inside go to good memory, bad memory and the page that other
 * threads scribble on. One thread; no locks.
 */
#ifndef TESTS_PROGRAMS_FUZZ_CONTROL_H
#define TESTS_PROGRAMS_FUZZ_CONTROL_H

#include <linux/rds.h>
#include <sys/socket.h>

#include <cstring>
#include <string>
#include <vector>

#include "fuzz_memory.h"
#include "fuzz_random.h"

class fuzz_control {
public:
	fuzz_control(fuzz_random &r, fuzz_memory &memory) : r_(r), memory_(memory) {}

	const std::vector<std::uint8_t> &bytes() const { return bytes_; }
	const std::string &text() const { return text_; }

	/* One message that means well. */
	void good(int type)
	{
		std::vector<std::uint8_t> data = content(type, true);
		append(SOL_RDS, type, data, CMSG_LEN(data.size()));
	}

	/* One that asks for what there is no level for. */
	void foreign()
	{
		append(r_.of({SOL_SOCKET + 1000, 0, 41, 6}), static_cast<int>(r_.below(64)),
		       std::vector<std::uint8_t>(r_.below(32)), 0);
		std::size_t len = CMSG_LEN(8);
		std::memcpy(bytes_.data(), &len, sizeof(len));
		bytes_.resize(CMSG_SPACE(8));
	}

	void random()
	{
		for (std::size_t n = 1 + r_.below(5); n; n--)
			one();
		if (r_.one_in(10))
			bytes_.resize(r_.below(bytes_.size() + 1));
		if (r_.one_in(10))
			bytes_.resize(bytes_.size() + r_.below(40));
	}

private:
	void one()
	{
		int type = static_cast<int>(r_.percent(90) ? r_.below(15) : r_.number());
		int level = r_.percent(90) ? SOL_RDS : r_.of({SOL_SOCKET, 0, 41, -1});
		std::vector<std::uint8_t> data = content(type, r_.percent(70));
		std::uint64_t len = CMSG_LEN(data.size());
		switch (r_.below(12)) {
		case 0:
			len = r_.number();
			break;
		case 1:
			len = r_.below(CMSG_LEN(80));
			break;
		case 2:
			data.resize(r_.below(data.size() + 1));
			len = CMSG_LEN(data.size());
			break;
		}
		append(level, type, data, len);
	}

	void append(int level, int type, const std::vector<std::uint8_t> &data, std::uint64_t len)
	{
		cmsghdr head{};
		head.cmsg_len = len;
		head.cmsg_level = level;
		head.cmsg_type = type;
		std::size_t at = bytes_.size();
		bytes_.resize(at + CMSG_SPACE(data.size()));
		std::memcpy(bytes_.data() + at, &head, sizeof(head));
		if (!data.empty())
			std::memcpy(bytes_.data() + at + sizeof(head), data.data(), data.size());
		text_ += " " + std::to_string(level) + "/" + std::to_string(type) + "/" +
			 std::to_string(len);
	}

	std::vector<std::uint8_t> content(int type, bool good)
	{
		switch (type) {
		case RDS_CMSG_RDMA_ARGS:
			return as_bytes(rdma(good));
		case RDS_CMSG_RDMA_DEST:
			return as_bytes(good ? std::uint64_t(1 + r_.below(8)) : r_.number());
		case RDS_CMSG_RDMA_MAP:
			return as_bytes(map(good));
		case RDS_CMSG_ATOMIC_FADD:
		case RDS_CMSG_ATOMIC_CSWP:
		case RDS_CMSG_MASKED_ATOMIC_FADD:
		case RDS_CMSG_MASKED_ATOMIC_CSWP:
			return as_bytes(atomic(good));
		case RDS_CMSG_ZCOPY_COOKIE:
			return as_bytes(static_cast<std::uint32_t>(r_.next()));
		default:
			return std::vector<std::uint8_t>(r_.below(80));
		}
	}

	template <typename T>
	static std::vector<std::uint8_t> as_bytes(const T &value)
	{
		const std::uint8_t *raw = reinterpret_cast<const std::uint8_t *>(&value);
		return {raw, raw + sizeof(value)};
	}

	std::uint64_t address(bool good, std::size_t n)
	{
		if (!good)
			return r_.one_in(2)
				       ? reinterpret_cast<std::uint64_t>(memory_.bad(r_))
				       : reinterpret_cast<std::uint64_t>(memory_.find(r_, n).at);
		return reinterpret_cast<std::uint64_t>(memory_.aligned());
	}

	rds_rdma_args rdma(bool good)
	{
		rds_iovec local[4];
		std::size_t n = 1 + r_.below(4);
		for (rds_iovec &v : local)
			v = {address(good, 64), good ? 8 + r_.below(4096) : r_.number()};
		rds_rdma_args args{};
		args.cookie = r_.below(8);
		args.remote_vec.bytes = good ? 1 << 16 : r_.number();
		args.local_vec_addr = good ? reinterpret_cast<std::uint64_t>(
						     memory_.keep(local, sizeof(local)))
					   : reinterpret_cast<std::uint64_t>(
						     memory_.put(r_, local, sizeof(local)).at);
		args.nr_local = good || r_.one_in(2) ? n : r_.number();
		args.flags = r_.below(128);
		args.user_token = r_.next();
		return args;
	}

	rds_get_mr_args map(bool good)
	{
		rds_get_mr_args args{};
		args.vec = {address(good, 4096), good ? 1 + r_.below(8192) : r_.number()};
		args.cookie_addr = address(good, 8);
		args.flags = r_.below(128);
		return args;
	}

	rds_atomic_args atomic(bool good)
	{
		rds_atomic_args args{};
		args.cookie = r_.below(8);
		args.local_addr = address(good, 8);
		args.remote_addr = r_.below(4096) & ~7ull;
		args.m_cswp.compare = r_.next();
		args.m_cswp.swap = r_.next();
		args.flags = r_.below(128);
		args.user_token = r_.next();
		return args;
	}

	fuzz_random &r_;
	fuzz_memory &memory_;
	std::vector<std::uint8_t> bytes_;
	std::string text_;
};

#endif
