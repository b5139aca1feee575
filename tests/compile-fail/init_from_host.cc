// SPDX-License-Identifier: GPL-2.0
// Must not compile: a host integer as initial value, without the name of the type. Run by scripts/check.
// expect: conversion from .* to non-scalar type|could not convert|from initializer list
#include "kernel/endian.h"

kernel::be16 port = 4000;
