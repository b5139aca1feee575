// SPDX-License-Identifier: GPL-2.0
/*
 * SHA-256 (FIPS 180-4), small enough to link statically into the programs that run in guests.
 * One hasher, one thread; no locks.
 */
#ifndef TESTS_PROGRAMS_SHA256_H
#define TESTS_PROGRAMS_SHA256_H

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

using digest = std::array<std::uint8_t, 32>;

class sha256 {
public:
	void add(const void *data, std::size_t len)
	{
		auto *p = static_cast<const std::uint8_t *>(data);

		total_ += len;
		while (len) {
			std::size_t part = std::min(len, block_.size() - used_);
			if (!used_ && part == block_.size()) {
				compress(p);
			} else {
				std::memcpy(block_.data() + used_, p, part);
				used_ += part;
				if (used_ == block_.size()) {
					compress(block_.data());
					used_ = 0;
				}
			}
			p += part;
			len -= part;
		}
	}

	digest finish()
	{
		static constexpr std::uint8_t pad[64] = {0x80};
		std::uint64_t bits = total_ * 8;
		std::uint8_t tail[8];

		for (int i = 0; i < 8; i++)
			tail[i] = static_cast<std::uint8_t>(bits >> (56 - 8 * i));
		add(pad, used_ < 56 ? 56 - used_ : 120 - used_);
		add(tail, sizeof(tail));

		digest out;
		for (std::size_t i = 0; i < out.size(); i++)
			out[i] = static_cast<std::uint8_t>(state_[i / 4] >> (24 - 8 * (i % 4)));
		return out;
	}

	static digest of(const void *data, std::size_t len)
	{
		sha256 hash;
		hash.add(data, len);
		return hash.finish();
	}

private:
	static constexpr std::uint32_t k[64] = {
		0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
		0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
		0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
		0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
		0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
		0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
		0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
		0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
		0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
		0xc67178f2};

	void compress(const std::uint8_t *p)
	{
		std::uint32_t w[64];

		for (int i = 0; i < 16; i++)
			w[i] = std::uint32_t{p[4 * i]} << 24 | std::uint32_t{p[4 * i + 1]} << 16 |
			       std::uint32_t{p[4 * i + 2]} << 8 | p[4 * i + 3];
		for (int i = 16; i < 64; i++) {
			std::uint32_t a = w[i - 15], b = w[i - 2];
			w[i] = w[i - 16] + (std::rotr(a, 7) ^ std::rotr(a, 18) ^ (a >> 3)) +
			       w[i - 7] + (std::rotr(b, 17) ^ std::rotr(b, 19) ^ (b >> 10));
		}

		auto s = state_;
		for (int i = 0; i < 64; i++) {
			std::uint32_t e = s[4], a = s[0];
			std::uint32_t t1 = s[7] +
					   (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
					   ((e & s[5]) ^ (~e & s[6])) + k[i] + w[i];
			std::uint32_t t2 = (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) +
					   ((a & s[1]) ^ (a & s[2]) ^ (s[1] & s[2]));
			s = {t1 + t2, s[0], s[1], s[2], s[3] + t1, s[4], s[5], s[6]};
		}
		for (std::size_t i = 0; i < s.size(); i++)
			state_[i] += s[i];
	}

	std::array<std::uint32_t, 8> state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
	std::array<std::uint8_t, 64> block_;
	std::size_t used_ = 0;
	std::uint64_t total_ = 0;
};

inline std::string hex(const digest &value)
{
	static constexpr char digits[] = "0123456789abcdef";
	std::string out;

	for (std::uint8_t byte : value) {
		out += digits[byte >> 4];
		out += digits[byte & 15];
	}
	return out;
}

#endif
