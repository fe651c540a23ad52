/* policy_check: the rules that an audit policy itself must keep. */
#ifndef CUBE_APISERVER_AUDIT_POLICY_CHECK_H
#define CUBE_APISERVER_AUDIT_POLICY_CHECK_H

#include "proto/audit_v1.pb-c.h"

struct field_errors;

void audit_policy_check(const AuditV1__Policy *policy, struct field_errors *errors);

#endif
