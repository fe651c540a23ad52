/* Authorities and certificates given as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/base/error.h"
#include "lib/loop/http_client.h"
#include "lib/loop/internal.h"

#define ENCRYPTED(type)                                                                                      \
	"-----BEGIN " type "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,"                           \
	"00112233445566778899AABBCCDDEEFF\n\nAAAAAAAAAAAAAAAAAAAAAA==\n-----END " type "-----\n"

/* OpenSSL would ask for the password, on the terminal or, as here, on standard input. */
static void test_encrypted(void **state)
{
	static const struct http_tls table[] = {
	    {.ca_data = ENCRYPTED("CERTIFICATE")}, {.insecure = true,
						       .cert_data = ENCRYPTED("CERTIFICATE"),
						       .key_data = ENCRYPTED("EC PRIVATE KEY")}};
	int ends[2], saved = dup(STDIN_FILENO);
	char left[8] = "";

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "secret\n", 7), 7);
	close(ends[1]);
	dup2(ends[0], STDIN_FILENO);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct error err = ERROR_INIT;

		assert_null(tls_client_context(&table[i], &err));
		assert_int_equal(err.code, ERR_IO);
	}
	assert_int_equal(read(STDIN_FILENO, left, sizeof left), 7);
	assert_string_equal(left, "secret\n");
	dup2(saved, STDIN_FILENO);
	close(saved);
	close(ends[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_encrypted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
