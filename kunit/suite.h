/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How a suite is registered: x_kunit.c lists its cases, x_test.cc has their bodies. C only. A list
 * is a macro that applies its argument to each name.
 */
#ifndef RDS_KUNIT_SUITE_H
#define RDS_KUNIT_SUITE_H

#include <kunit/test.h>

#define RDS_CASE_DECLARE(name) void name(struct kunit *test);
#define RDS_CASE_ENTRY(name)   KUNIT_CASE(name),

#define RDS_KUNIT_SUITE(suite, CASES) RDS_KUNIT_SUITE_WITH(suite, CASES, NULL, NULL)

/* With what is called before the first case, and after the last. */
#define RDS_KUNIT_SUITE_WITH(suite, CASES, before, after)                                          \
	CASES(RDS_CASE_DECLARE)                                                                    \
	static struct kunit_case suite##_cases[] = {CASES(RDS_CASE_ENTRY){}};                      \
	static struct kunit_suite suite##_suite = {                                                \
		.name = #suite,                                                                    \
		.suite_init = before,                                                              \
		.suite_exit = after,                                                               \
		.test_cases = suite##_cases,                                                       \
	};                                                                                         \
	kunit_test_suite(suite##_suite)

#endif /* RDS_KUNIT_SUITE_H */
