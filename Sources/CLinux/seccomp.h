#pragma once

/// Installs the deny list for the calling process and all that come of it; needs no_new_privs. Made of
/// one system call on static data, so that it may stand between clone and execve.
int clinux_deny_system_calls(void);
