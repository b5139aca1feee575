// SPDX-License-Identifier: GPL-2.0
/*
 * The fuzzer's dice. Each call of a run has dice of its own, made from seed, thread and number of the
 * call: what one call came to does not change the next. One thread; no locks.
 */
#ifndef TESTS_PROGRAMS_FUZZ_RANDOM_H
#define TESTS_PROGRAMS_FUZZ_RANDOM_H

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

class fuzz_random {
public:
	fuzz_random(std::uint64_t seed, std::uint64_t thread, std::uint64_t call)
	    : state_(seed * 0x9e3779b97f4a7c15 ^ thread << 48 ^ call)
	{
		next();
	}

	/* splitmix64 */
	std::uint64_t next()
	{
		std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		return z ^ z >> 31;
	}
	std::size_t below(std::size_t n) { return n ? next() % n : 0; }
	bool one_in(std::size_t n) { return !below(n); }
	bool percent(unsigned int p) { return below(100) < p; }

	template <typename T>
	const T &of(std::initializer_list<T> list)
	{
		return list.begin()[below(list.size())];
	}
	template <typename C>
	auto &any(C &container)
	{
		return container[below(container.size())];
	}

	/* The numbers that break arithmetic, and others. */
	std::uint64_t number()
	{
		static constexpr std::array<std::uint64_t, 8> edges{
			0, 1, 4096, 1 << 20, 1ull << 31, 1ull << 32, 1ull << 63, ~0ull};
		if (one_in(4))
			return next() >> below(64);
		return any(edges) + below(3) - 1;
	}

private:
	std::uint64_t state_;
};

#endif
