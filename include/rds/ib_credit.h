/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Credits, where both ends want flow control: how many SENDs the peer has buffers for, and how many
 * buffers we have posted that it does not know of. Taken by senders, raised by the completion
 * handler and by whoever refills; one word, so that none needs a lock. ib.md 15.
 */
#pragma once

#include <cstdint>

#include <kernel/atomic.h>

namespace rds::ib {

/* Said in one header at most. */
constexpr std::uint32_t most_credits_said = 255;
/* So many unsaid ones are worth a frame of their own. */
constexpr std::uint32_t credits_worth_a_frame = 16;

class credits {
	/* Sends in the lower half of the word, unsaid ones in the upper. */
	enum : std::uint32_t { most = 0xffff, shift = 16 };

public:
	struct grant {
		std::uint32_t sends; /* may be posted */
		std::uint8_t said; /* to be announced in the first of their headers */
	};

	/* On a new connection; nobody else looks at it. @sends: of the peer's introduction. */
	void init(std::uint32_t sends) { m_word = sends < most ? sends : most; }

	/*
	 * The last credit is for a header that announces something, or both ends could have none
	 * left to say that there is room again. @want 0: only to announce, in a header that goes
	 * out anyway.
	 */
	[[nodiscard]] grant take(std::uint32_t want)
	{
		for (;;) {
			std::uint32_t word = kernel::read_once(m_word);
			std::uint32_t sends = word & most, unsaid = word >> shift;
			std::uint32_t got = want < sends ? want : sends;
			if (got && got == sends && !unsaid)
				got--;
			std::uint32_t said = unsaid < most_credits_said ? unsaid
									: most_credits_said;
			if (want && !got)
				said = 0;
			if (!got && !said)
				return {0, 0};
			std::uint32_t left = (sends - got) | (unsaid - said) << shift;
			if (kernel::compare_exchange(m_word, word, left))
				return {got, static_cast<std::uint8_t>(said)};
		}
	}

	/* Credits were taken for more SENDs than found room. What was to be said is said later. */
	void give_back(const grant &unused) { add(unused.sends, unused.said); }

	/* The peer's header says so. More than there can be: as many as there can be. */
	void heard(std::uint8_t credit) { add(credit, 0); }

	/* Buffers were posted. Return: it is time to say so. */
	[[nodiscard]] bool posted(std::uint32_t buffers)
	{
		return add(0, buffers) >= credits_worth_a_frame;
	}

	/* take(1) would give one. */
	[[nodiscard]] bool usable() const
	{
		std::uint32_t word = kernel::read_once(m_word);
		return (word & most) > (word >> shift ? 0u : 1u);
	}

	[[nodiscard]] std::uint32_t sends() const { return kernel::read_once(m_word) & most; }
	[[nodiscard]] std::uint32_t unsaid() const { return kernel::read_once(m_word) >> shift; }

private:
	static std::uint32_t sum(std::uint32_t a, std::uint32_t b)
	{
		return b < most - a ? a + b : most;
	}

	/* Return: how many are unsaid now. */
	std::uint32_t add(std::uint32_t sends, std::uint32_t unsaid)
	{
		for (;;) {
			std::uint32_t word = kernel::read_once(m_word);
			std::uint32_t all = sum(word >> shift, unsaid);
			std::uint32_t raised = sum(word & most, sends) | all << shift;
			if (kernel::compare_exchange(m_word, word, raised))
				return all;
		}
	}

	std::uint32_t m_word = 0;
};

} // namespace rds::ib
