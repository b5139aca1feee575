/* SPDX-License-Identifier: GPL-2.0 */
/* A work item bound to a member function of the object it is a member of. */
#pragma once

#include "kernel/list.h"
#include "kernel/opaque.h"
#include "kernel/seam.h"

namespace kernel {

class work : pinned {
public:
	work(kernel_work_func func, kernel_work_class cls) { kernel_work_init(&m_work, func, cls); }
	bool queue(unsigned long delay_ticks = 0)
	{
		return kernel_work_queue(&m_work, delay_ticks);
	}
	void requeue(unsigned long delay_ticks) { kernel_work_requeue(&m_work, delay_ticks); }
	bool cancel() { return kernel_work_cancel(&m_work); }
	/* For the test suites. */
	void flush() { kernel_work_flush(&m_work); }

private:
	opaque<WORK_SIZE, WORK_ALIGN> m_work;
};

/* The callback: work_thunk<&T::m_work, &T::run> calls t->run(). */
template <auto Member, auto Func>
struct work_thunk;
template <typename T, work T::*Member, void (T::*Func)()>
struct work_thunk<Member, Func> {
	static void call(void *w) { (container<T, work>(static_cast<work *>(w), Member)->*Func)(); }
};

} // namespace kernel
