/* redis_url_parse: nothing that it says quotes the password. */
#include "broker/broker.h"
#include "broker/url.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct input in = input_of(data, size);
        autofree char *text = input_rest(&in, NULL);
        struct redis_url u, untouched;
        struct err e = ERR_INIT;
        memset(&u, 0x5A, sizeof(u));
        untouched = u;
        int rc = redis_url_parse(text, &u, &e);
        must((broker_url_check(text, NULL) == 0) == (rc == 0));
        if (rc < 0) {
                must_explain(&e);
                must(e.code == ERR_CONFIG);
                must(same_bytes(&u, &untouched, sizeof(u)));
                return 0;
        }
        must(!u.host != !u.path);
        must(u.db >= 0 && u.shown && (u.path || u.port > 0));
        autofree char *shown = u.path                ? xstrdup(u.path)
                               : strchr(u.host, ':') ? xasprintf("[%s]:%d", u.host, u.port)
                                                     : xasprintf("%s:%d", u.host, u.port);
        must(strcmp(u.shown, shown) == 0); /* and nothing else */
        redis_url_fini(&u);
        return 0;
}
