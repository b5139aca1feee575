/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counted references. T has `void get()`, `bool get_unless_zero()` and `void put()`; ref<T> owns
 * exactly one.
 */
#pragma once

#include "kernel/opaque.h"
#include "kernel/seam.h"

namespace kernel {

/* refcount_t: saturates and reports. Starts at one. */
class refcount : pinned {
public:
	refcount() { kernel_ref_init(&m_refs); }
	void get() { kernel_ref_inc(&m_refs); }
	[[nodiscard]] bool get_unless_zero() { return kernel_ref_inc_not_zero(&m_refs); }
	[[nodiscard]] bool put() { return kernel_ref_dec_and_test(&m_refs); }

private:
	u32 m_refs;
};

template <typename T>
class [[nodiscard]] ref {
public:
	ref() = default;
	ref(ref &&from) : m_p(from.release()) {}
	ref &operator=(ref &&from)
	{
		T *old = m_p;
		m_p = from.release();
		if (old)
			old->put();
		return *this;
	}
	~ref()
	{
		if (m_p)
			m_p->put();
	}

	/* Takes over a reference that the caller owns. */
	static ref adopt(T *p) { return ref(p); }
	/* Adds one. */
	static ref share(T *p)
	{
		if (p)
			p->get();
		return ref(p);
	}
	/* For objects found under RCU: empty when it is dying. */
	static ref try_share(T *p) { return ref(p && p->get_unless_zero() ? p : nullptr); }

	explicit operator bool() const { return m_p; }
	T *operator->() const { return m_p; }
	T &operator*() const { return *m_p; }
	T *get() const { return m_p; }
	/* The caller owns the reference from here on. */
	[[nodiscard]] T *release()
	{
		T *p = m_p;
		m_p = nullptr;
		return p;
	}

private:
	explicit ref(T *p) : m_p(p) {}
	T *m_p = nullptr;
};

} // namespace kernel
