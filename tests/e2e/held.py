"""Bodies that last until the test lets them go."""

SHELL = "/bin/sh"


def held(folder, then="echo let go", go="go"):
    """Parameters of a command that lasts until (folder / go).touch(); `then` knows the attempt as $2."""
    folder.chmod(0o777)
    return {"argv": [SHELL, "-c", f'until [ -e "$1" ]; do sleep 0.03; done; {then}', "sh", str(folder / go), "{attempt}"]}
