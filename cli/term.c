/* term.c - see term.h. */
#include "cli/term.h"

#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/mem.h"

enum { WIDTH_MIN = 20, WIDTH_MAX = 10000, HEIGHT_DEFAULT = 24, ANSWER_MAX = 4096 };

static bool is_utf8(void)
{
        return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static bool is_set(const char *name)
{
        const char *v = getenv(name);
        return v && *v;
}

void term_init(struct term *t, bool no_colour)
{
        const char *kind = getenv("TERM");
        bool smart = kind && *kind && strcmp(kind, "dumb") != 0;
        setlocale(LC_CTYPE, "");
        t->utf8 = is_utf8();
        /* Widths of characters are asked of the locale, whatever the user's can show. */
        if (!t->utf8)
                setlocale(LC_CTYPE, "C.UTF-8");
        t->safe = isatty(STDOUT_FILENO);
        t->tty = t->safe && smart;
        t->colour = t->tty && !no_colour && !is_set("NO_COLOR");
}

/* ---- its size ---- */

/* 0: the variable says nothing of use. */
static size_t from_environment(const char *name)
{
        const char *text = getenv(name);
        long v = text ? strtol(text, NULL, 10) : 0;
        if (v <= 0 || v > WIDTH_MAX)
                return 0;
        return (size_t)v;
}

static bool ask_size(struct winsize *size)
{
        return ioctl(STDOUT_FILENO, TIOCGWINSZ, size) == 0;
}

size_t term_width(void)
{
        struct winsize size;
        size_t width = from_environment("COLUMNS");
        if (!width && ask_size(&size))
                width = size.ws_col;
        return width && width < WIDTH_MIN ? WIDTH_MIN : width;
}

size_t term_height(void)
{
        struct winsize size;
        size_t height = from_environment("LINES");
        if (!height && ask_size(&size))
                height = size.ws_row;
        return height ? height : HEIGHT_DEFAULT;
}

/* ---- colours ---- */

const char *term_colour(const struct term *t, enum colour c)
{
        static const char *const sequences[] = {
                [COLOUR_NONE] = "",          [COLOUR_RED] = "\033[31m",
                [COLOUR_GREEN] = "\033[32m", [COLOUR_YELLOW] = "\033[33m",
                [COLOUR_BLUE] = "\033[34m",  [COLOUR_GREY] = "\033[2m",
                [COLOUR_BOLD] = "\033[1m",
        };
        return t->colour ? sequences[c] : "";
}

const char *term_plain(const struct term *t)
{
        return t->colour ? "\033[0m" : "";
}

/* ---- asking ---- */

bool term_can_ask(void)
{
        return isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* A line of standard input byte by byte: what comes after it stays there. */
static int read_line(struct buf *answer)
{
        char c;
        ssize_t n;
        while ((n = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
                buf_addc(answer, c);
        return n == 1 || answer->len ? 0 : -1;
}

static struct termios as_it_was;

/* Whoever is interrupted while nothing is shown gets the terminal back as it was. */
static void on_interrupt(int signo)
{
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &as_it_was);
        raise(signo); /* now by its own meaning: SA_RESETHAND */
}

static void guard(bool on)
{
        static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
        struct sigaction sa = {.sa_handler = on ? on_interrupt : SIG_DFL, .sa_flags = SA_RESETHAND};
        sigemptyset(&sa.sa_mask);
        for (size_t i = 0; i < COUNT_OF(signals); i++)
                sigaction(signals[i], &sa, NULL);
}

/* Before the question is there: who reads it may type at once. */
static void hide(void)
{
        struct termios silent = as_it_was;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        guard(true);
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
}

static void unhide(void)
{
        tcsetattr(STDIN_FILENO, TCSAFLUSH, &as_it_was);
        guard(false);
        fputc('\n', stderr);
}

int term_ask(const char *question, bool hidden, struct buf *answer, struct err *e)
{
        int got;
        *answer = BUF_INIT(ANSWER_MAX);
        if (!term_can_ask() || tcgetattr(STDIN_FILENO, &as_it_was) < 0)
                return err_set(e, ERR_CONFIG, "there is no terminal to ask at: %s", question);
        if (hidden)
                hide();
        fprintf(stderr, "%s", question);
        fflush(stderr);
        got = read_line(answer);
        if (hidden)
                unhide();
        return got < 0 ? err_set(e, ERR_CONFIG, "there was no answer to: %s", question)
                       : buf_check(answer, "the answer", e);
}
