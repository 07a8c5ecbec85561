/* prompt.c - /dev/tty with echo off. */
#include "api/people/prompt.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/rand.h"

/* Up to the end of the line or of the file, byte by byte: what follows is not ours. */
static int read_line(int fd, char out[PASSWORD_MAX + 1], struct err *e)
{
        size_t len = 0;
        for (;;) {
                char c;
                ssize_t got = read(fd, &c, 1);
                if (got < 0)
                        return err_errno(e, ERR_UNAVAILABLE, "could not read the password");
                if (got == 0 || c == '\n')
                        break;
                if (len == PASSWORD_MAX)
                        return err_set(e, ERR_INVALID, "a password has at most %d bytes",
                                       PASSWORD_MAX);
                if (c == '\0')
                        return err_set(e, ERR_INVALID, "a password must not have a NUL in it");
                out[len++] = c;
        }
        if (len && out[len - 1] == '\r')
                len--;
        out[len] = '\0';
        return 0;
}

int prompt_read_line(char out[PASSWORD_MAX + 1], struct err *e)
{
        return read_line(STDIN_FILENO, out, e);
}

/* ---- the terminal ---- */

static volatile sig_atomic_t caught; /* a signal that ends the process once the terminal is as it was */

static void note(int signo)
{
        caught = signo;
}

static const int ending[] = {SIGINT, SIGTERM, SIGQUIT, SIGHUP, SIGTSTP};

static int ask_quietly(int tty, const char *question, char out[PASSWORD_MAX + 1], struct err *e)
{
        struct sigaction before[COUNT_OF(ending)];
        struct termios shown, hidden;
        caught = 0;
        for (size_t i = 0; i < COUNT_OF(ending); i++) /* no SA_RESTART: it interrupts the reading */
                sigaction(ending[i], &(struct sigaction){.sa_handler = note}, &before[i]);
        dprintf(tty, "%s", question);
        tcgetattr(tty, &shown);
        hidden = shown;
        hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
        tcsetattr(tty, TCSAFLUSH, &hidden);
        int rc = read_line(tty, out, e);
        tcsetattr(tty, TCSAFLUSH, &shown);
        dprintf(tty, "\n");
        for (size_t i = 0; i < COUNT_OF(ending); i++)
                sigaction(ending[i], &before[i], NULL);
        if (caught)
                raise(caught);
        return rc;
}

static int ask(int tty, const char *username, char out[PASSWORD_MAX + 1], struct err *e)
{
        char again[PASSWORD_MAX + 1], question[USERNAME_MAX + 32];
        snprintf(question, sizeof(question), "Password for %s: ", username);
        if (ask_quietly(tty, question, out, e) < 0 || password_check(username, out, e) < 0)
                return -1;
        int rc = ask_quietly(tty, "Once more: ", again, e);
        if (rc == 0 && strcmp(out, again) != 0)
                rc = err_set(e, ERR_INVALID, "the two are not the same");
        mem_wipe(again, sizeof(again));
        return rc;
}

int prompt_password(const char *username, char out[PASSWORD_MAX + 1], struct err *e)
{
        int tty = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
        if (tty < 0)
                return err_errno(e, ERR_CONFIG,
                                 "cannot ask for the password: there is no terminal (use "
                                 "--password-stdin)");
        int rc = ask(tty, username, out, e);
        close(tty);
        return rc;
}
