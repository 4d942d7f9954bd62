"""Programs that try to get out, do harm or use up the machine, by what they go for.

`@...@` is filled in by the test (see judge.py): a file that holds a secret, a folder that must stay
empty, a file that must stay as it is, a listener's port, a process that must live, and a word that
marks every process which a program starts. The variable CORTEX_CANARY holds the secret too.
"""



from __future__ import annotations

FILES = {
    "open": "print(open('@SECRET@').read())",
    "open-write": "open('@FOLDER@/x', 'w').write('x')",
    "io-open": "import io\nprint(io.open('@SECRET@').read())",
    "io-fileio": "import _io\nprint(_io.FileIO('@SECRET@').read())",
    "os-open": "import os\nprint(os.read(os.open('@SECRET@', os.O_RDONLY), 100))",
    "posix-open": "import posix\nprint(posix.read(posix.open('@SECRET@', 0), 100))",
    "pathlib": "import pathlib\nprint(pathlib.Path('@SECRET@').read_text())",
    "codecs": "import codecs\nprint(codecs.open('@SECRET@').read())",
    "linecache": "import linecache\nprint(linecache.getline('@SECRET@', 1))",
    "fileinput": "import fileinput\nprint(list(fileinput.input('@SECRET@')))",
    "tokenize": "import tokenize\nprint(tokenize.open('@SECRET@').read())",
    "mmap": "import mmap\nf = open('@SECRET@', 'rb')\nprint(mmap.mmap(f.fileno(), 0, prot=1)[:])",
    "loader": "import importlib.machinery as m\n"
    "print(m.SourceFileLoader('x', '@SECRET@').get_data('@SECRET@'))",
    "listdir": "import os\nnames = os.listdir(os.path.dirname('@SECRET@'))\n"
    "print(open(os.path.join(os.path.dirname('@SECRET@'), names[0])).read())",
    "mkdir": "import os\nos.mkdir('@FOLDER@/made')",
    "symlink": "import os\nos.symlink('@SECRET@', '@FOLDER@/link')",
    "hard-link": "import os\nos.link('@SECRET@', '@FOLDER@/link')",
    "mkfifo": "import os\nos.mkfifo('@FOLDER@/fifo')",
    "mknod": "import os\nos.mknod('@FOLDER@/node')",
    "copy": "import shutil\nshutil.copy('@SECRET@', '@FOLDER@/copy')",
    "unix-socket": "import socket\ns = socket.socket(socket.AF_UNIX)\ns.bind('@FOLDER@/s')",
    "sqlite": "import sqlite3\nsqlite3.connect('@FOLDER@/db').execute('create table t (x)')",
    "tempfile": "import tempfile\nprint(tempfile.mkstemp(dir='@FOLDER@'))",
    "delete": "import os\nos.unlink('@KEEP@')",
    "rename": "import os\nos.rename('@KEEP@', '@FOLDER@/moved')",
    "truncate": "import os\nos.truncate('@KEEP@', 0)",
    "append": "open('@KEEP@', 'a').write('more')",
    "chmod": "import os\nos.chmod('@KEEP@', 0o777)",
    "utime": "import os\nos.utime('@KEEP@', (1, 1))",
    "xattr": "import os\nos.setxattr('@KEEP@', 'user.x', b'1')\nprint(os.getxattr('@KEEP@', 'user.x'))"
    "\nopen('@FOLDER@/x', 'w')",
    "proc-mem": "print(open('/proc/self/environ').read(), open('@SECRET@').read())",
    "chdir": "import os\nos.chdir('@FOLDER@')\nopen('x', 'w')",
    "inherited": "import os\nfor fd in range(3, 200):\n    try:\n        print(os.read(fd, 10))\n"
    "        os.fchdir(fd)\n    except OSError:\n        pass\nprint(open('@SECRET@').read())",
}
ENVIRONMENT = {
    "environ": "import os\nprint(os.environ['CORTEX_CANARY'])",
    "getenv": "import os\nprint(os.getenv('CORTEX_CANARY'))",
    "posix-environ": "import posix\nprint(posix.environ)",
    "parent-environ": "import os\nprint(open(f'/proc/{os.getppid()}/environ').read())",
    "own-environ": "print(open('/proc/self/environ').read())",
    "libc-getenv": "import ctypes\ng = ctypes.CDLL(None).getenv\ng.restype = ctypes.c_char_p\n"
    "print(g(b'CORTEX_CANARY'))",
}
PROCESSES = {
    "system": "import os\nos.system('sleep 30 @MARK@ & cat @SECRET@')",
    "popen": "import os\nprint(os.popen('cat @SECRET@').read())",
    "subprocess": "import subprocess\nprint(subprocess.check_output(['cat', '@SECRET@']))",
    "subprocess-shell": "import subprocess\n"
    "print(subprocess.run('echo $CORTEX_CANARY; touch @FOLDER@/x', shell=True, capture_output=1))",
    "background": "import subprocess, sys\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)', '@MARK@'])",
    "daemon": "import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', "
    "'import time; time.sleep(20)', '@MARK@'], start_new_session=True)",
    "spawn": "import os, sys\n"
    "os.spawnl(os.P_NOWAIT, sys.executable, 'p', '-c', 'import time; time.sleep(20)', '@MARK@')",
    "posix-spawn": "import os, sys\nos.posix_spawn(sys.executable, "
    "[sys.executable, '-c', 'import time; time.sleep(20)', '@MARK@'], os.environ)",
    "exec": "import os\nos.execv('/bin/cat', ['cat', '@SECRET@'])",
    "fork": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(20)",
    "fork-many": "import os, time\nfor _ in range(5):\n    if os.fork() == 0:\n        os.setsid()\n"
    "        time.sleep(20)\n        os._exit(0)",
    "double-fork": "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
    "        time.sleep(20)\n    os._exit(0)",
    "pty": "import pty\npty.fork()\nimport time\ntime.sleep(20)",
    "multiprocessing": "import multiprocessing as m\n"
    "print(m.Pool(1).map(str.upper, [open('@SECRET@').read()]))",
    "clone": "import ctypes\nif ctypes.CDLL(None).syscall(56, 17, 0, 0, 0, 0) == 0:\n"
    "    ctypes.CDLL(None).setsid()\n    ctypes.CDLL(None).sleep(20)",
    "kill": "import os\nos.kill(@VICTIM@, 9)",
    "terminate": "import os, signal\nos.kill(@VICTIM@, signal.SIGTERM)",
    "kill-all": "import signal\nsignal.pthread_kill(0, 0) if 0 else None\n"
    "import os\nfor s in (15, 9):\n    os.kill(@VICTIM@, s)",
    "pidfd": "import os, signal\nsignal.pidfd_send_signal(os.pidfd_open(@VICTIM@), 9)",
    "renice": "import os\nos.setpriority(os.PRIO_PROCESS, @VICTIM@, 19)\n"
    "print(open('@SECRET@').read())",
    "ptrace": "import ctypes\nprint(ctypes.CDLL(None).ptrace(16, @VICTIM@, 0, 0) == 0 and"
    " open('@SECRET@').read())",
}
NETWORK = {
    "connect": "import socket\nsocket.create_connection(('127.0.0.1', @PORT@))",
    "connect-v6": "import socket\ns = socket.socket(socket.AF_INET6)\n"
    "s.connect(('::ffff:127.0.0.1', @PORT@))",
    "raw-socket-module": "import _socket\ns = _socket.socket()\ns.connect(('127.0.0.1', @PORT@))",
    "urllib": "import urllib.request\nurllib.request.urlopen('http://127.0.0.1:@PORT@/', timeout=1)",
    "http-client": "import http.client\nc = http.client.HTTPConnection('127.0.0.1', @PORT@)\n"
    "c.connect()",
    "ftp": "import ftplib\nf = ftplib.FTP(timeout=1)\nf.connect('127.0.0.1', @PORT@)",
    "asyncio": "import asyncio\nasyncio.run(asyncio.open_connection('127.0.0.1', @PORT@))",
    "libc-connect": "import ctypes, struct\nc = ctypes.CDLL(None)\ns = c.socket(2, 1, 0)\n"
    "a = struct.pack('=HH', 2, 0)[:2] + (@PORT@).to_bytes(2, 'big') + bytes([127, 0, 0, 1]) + bytes(8)\n"
    "c.connect(s, a, 16)",
    "bash-tcp": "import subprocess\n"
    "subprocess.run(['bash', '-c', 'echo > /dev/tcp/127.0.0.1/@PORT@'])",
    "threaded": "import socket, threading\nt = threading.Thread("
    "target=lambda: socket.create_connection(('127.0.0.1', @PORT@)))\nt.start()\nt.join()",
}
CTYPES = {
    "libc-open": "import ctypes\nc = ctypes.CDLL(None)\nb = ctypes.create_string_buffer(100)\n"
    "c.read(c.open(b'@SECRET@', 0), b, 99)\nprint(b.value)",
    "libc-system": "import ctypes\nctypes.CDLL(None).system(b'touch @FOLDER@/x')",
    "libc-syscall": "import ctypes\nc = ctypes.CDLL(None)\nb = ctypes.create_string_buffer(100)\n"
    "fd = c.syscall(257, -100, b'@SECRET@', 0, 0)\nc.read(fd, b, 99)\nprint(b.value)",
    "openat2": "import ctypes\nc = ctypes.CDLL(None)\nb = ctypes.create_string_buffer(100)\n"
    "how = (ctypes.c_uint64 * 3)(0, 0, 0)\nfd = c.syscall(437, -100, b'@SECRET@', how, 24)\n"
    "c.read(fd, b, 99)\nprint(b.value)",
    "io-uring": "import ctypes\nc = ctypes.CDLL(None)\np = ctypes.create_string_buffer(256)\n"
    "if c.syscall(425, 2, p) >= 0:\n    print(open('@SECRET@').read())",
    "x32-numbers": "import ctypes\nc = ctypes.CDLL(None)\n"
    "c.syscall(0x40000000 + 83, b'@FOLDER@/x', 0o777)\nc.mkdir(b'@FOLDER@/y', 0o777)",
    "executable-memory": "import ctypes\nc = ctypes.CDLL(None)\nc.mmap.restype = ctypes.c_void_p\n"
    "p = c.mmap(None, 4096, 7, 34, -1, 0)\n"
    "if p and p != ctypes.c_void_p(-1).value:\n    print(open('@SECRET@').read())",
    "undo-filter": "import ctypes\nc = ctypes.CDLL(None)\nc.prctl(22, 0, 0)\nc.prctl(38, 0, 0, 0, 0)\n"
    "print(open('@SECRET@').read())",
    "raise-limits": "import resource\n"
    "resource.setrlimit(resource.RLIMIT_FSIZE, (-1, -1))\nopen('@FOLDER@/x', 'w').write('x')",
    "namespaces": "import ctypes\nc = ctypes.CDLL(None)\nc.unshare(0x10020000)\n"
    "c.mkdir(b'@FOLDER@/y', 0o777)",
    "chroot": "import os\nos.chroot('@FOLDER@')\nopen('/x', 'w')",
    "memfd-exec": "import os\nfd = os.memfd_create('x')\n"
    "os.write(fd, b'#!/bin/sh\\ncat @SECRET@\\n')\nos.execve(fd, ['x'], {})",
}
ESCAPES = {
    "subclasses": "for c in ().__class__.__base__.__subclasses__():\n"
    "    if c.__name__ == '_wrap_close':\n"
    "        c.__init__.__globals__['system']('cat @SECRET@')",
    "builtins-self": "print(print.__self__.open('@SECRET@').read())",
    "globals-builtins": "def f(): pass\nb = f.__globals__['__builtins__']\n"
    "b = b if isinstance(b, dict) else vars(b)\nprint(b['open']('@SECRET@').read())",
    "name-builtins": "b = __builtins__ if isinstance(__builtins__, dict) else vars(__builtins__)\n"
    "print(b['open']('@SECRET@').read())",
    "class-globals": "import json\n"
    "json.JSONDecoder.__init__.__globals__['__builtins__']['open']('@FOLDER@/x', 'w')",
    "module-sys": "import statistics\nstatistics.sys.modules['os'].mkdir('@FOLDER@/x')",
    "module-os": "import random\nrandom._os.mkdir('@FOLDER@/x')",
    "module-codecs": "import json\njson.codecs.open('@FOLDER@/x', 'w')",
    "collections-sys": "import collections\ncollections._sys.modules['os'].mkdir('@FOLDER@/x')",
    "dataclasses-sys": "import dataclasses\ndataclasses.sys.modules['os'].mkdir('@FOLDER@/x')",
    "enum-sys": "import enum\nenum.sys.modules['os'].mkdir('@FOLDER@/x')",
    "typing-eval": "import typing\ndef f(x: \"__import__('os').mkdir('@FOLDER@/x')\"): pass\n"
    "typing.get_type_hints(f, {})",
    "forward-ref": "import typing\nr = typing.Optional[\"__import__('os').mkdir('@FOLDER@/x')\"]\n"
    "r.__args__[0]._evaluate({}, {}, frozenset())",
    "generator-frame": "g = (g.gi_frame.f_back.f_back for _ in [1])\nf = list(g)[0]\n"
    "f.f_builtins['open']('@FOLDER@/x', 'w')\nimport os\nos.mkdir('@FOLDER@/y')",
    "generator-builtins": "def g():\n    yield 1\n"
    "g().gi_frame.f_builtins['open']('@FOLDER@/x', 'w')",
    "coroutine-frame": "async def f(): pass\nc = f()\n"
    "c.cr_frame.f_builtins['open']('@FOLDER@/x', 'w')",
    "traceback-frame": "try:\n    1 / 0\nexcept Exception as e:\n"
    "    e.__traceback__.tb_frame.f_builtins['open']('@FOLDER@/x', 'w')",
    "traceback-back": "try:\n    import json\n    json.loads('{')\nexcept Exception as e:\n"
    "    t = e.__traceback__\n    while t.tb_next: t = t.tb_next\n"
    "    t.tb_frame.f_builtins['open']('@FOLDER@/x', 'w')",
    "getattr-text": "getattr(print, '__se' + 'lf__').open('@FOLDER@/x', 'w')",
    "getattr-subclass": "class S(str):\n    def __eq__(self, o): return False\n"
    "    __hash__ = str.__hash__\n    def startswith(self, *a): return False\n"
    "getattr(print, S('__self__')).open('@FOLDER@/x', 'w')",
    "object-getattribute": "object.__getattribute__(print, '__self__').open('@FOLDER@/x', 'w')",
    "type-dict": "s = type.__dict__['__subclasses__'](object)\n"
    "[c for c in s if c.__name__ == '_wrap_close'][0].__init__.__globals__['mkdir']('@FOLDER@/x')",
    "function-dict": "import json\ndef f(): pass\n"
    "g = type(f).__dict__['__globals__'].__get__(json.loads)\n"
    "g['__builtins__']['open']('@FOLDER@/x', 'w')",
    "vars-type": "import json\ndef f(): pass\ng = vars(type(f))['__globals__'].__get__(json.loads)\n"
    "g['__builtins__']['open']('@FOLDER@/x', 'w')",
    "match-attribute": "match print:\n    case object(__self__=b):\n        b.open('@FOLDER@/x', 'w')",
    "attrgetter": "import operator\noperator.attrgetter('__self__.open')(print)('@FOLDER@/x', 'w')",
    "methodcaller": "import operator\n"
    "s = operator.methodcaller('__subclasses__')(object)\nimport os\nos.mkdir('@FOLDER@/x')",
    "formatter-field": "import string\nf = string.Formatter()\n"
    "f.get_field('0.__self__', (print,), {})[0].open('@FOLDER@/x', 'w')",
    "format-string": "import os\nprint('{0.environ}'.format(os))",
    "format-globals": "class A:\n    def f(self): pass\n"
    "print('{0.f.__globals__[__builtins__]}'.format(A()))\nimport os\nprint(os.environ)",
    "wraps-assigned": "import functools, json\nseen = []\nclass W:\n"
    "    def __setattr__(self, n, v): seen.append(v)\n    __dict__ = {}\n"
    "functools.update_wrapper(W(), json.loads, assigned=('__globals__',), updated=())\n"
    "seen[0]['__builtins__']['open']('@FOLDER@/x', 'w')",
    "code-replace": "def f(): pass\n"
    "f.__code__ = compile(\"open('@FOLDER@/x', 'w')\", 'x', 'exec')\nf()",
    "eval": "eval(\"open('@FOLDER@/x', 'w')\")",
    "exec": "exec(\"import os; os.mkdir('@FOLDER@/x')\")",
    "dunder-import": "__import__('os').mkdir('@FOLDER@/x')",
    "importlib": "import importlib\nimportlib.import_module('os').mkdir('@FOLDER@/x')",
    "sys-modules": "import sys\nsys.modules['os'].mkdir('@FOLDER@/x')",
    "gc": "import gc\nfor o in gc.get_objects():\n    if type(o) is dict and 'mkdir' in o:\n"
    "        o['mkdir']('@FOLDER@/x')\n        break\nimport os\nos.mkdir('@FOLDER@/x')",
    "pickle": 'import pickle\npickle.loads(b"cos\\nmkdir\\n(V@FOLDER@/x\\ntR.")',
    "reduce": "().__reduce_ex__(2)\nprint.__reduce__()\nprint.__self__.open('@FOLDER@/x', 'w')",
    "poison-json": 'import json\njson.JSONEncoder.encode = lambda *a: \'{"value": "forged"}\'\n'
    "json.JSONEncoder().encode(1)\nimport os\nos.mkdir('@FOLDER@/x')",
    "poison-print": "import builtins\nbuiltins.print = builtins.repr = builtins.str = None\n"
    "builtins.open('@FOLDER@/x', 'w')",
    "poison-class": "import collections\ncollections.Counter.__init__ = None\n"
    "collections.OrderedDict.__setitem__ = None if 0 else collections.OrderedDict.__setitem__\n"
    "import os\nos.mkdir('@FOLDER@/x')",
    "hostile-repr": "class R:\n    def __repr__(self):\n        import os\n"
    "        os.mkdir('@FOLDER@/x')\n        return 'x'\nR()",
    "hostile-error": "class E(Exception):\n    def __str__(self):\n        import os\n"
    "        os.mkdir('@FOLDER@/x')\n        raise SystemExit\nraise E",
    "exception-hook": "import sys, os\nsys.excepthook = lambda *a: os.mkdir('@FOLDER@/x')\n"
    "sys.excepthook()",
    "trace": "import sys, os\ndef t(f, *a):\n    os.mkdir('@FOLDER@/x')\nsys.settrace(t)\n"
    "(lambda: 1)()",
    "atexit": "import atexit, os\natexit.register(os.mkdir, '@FOLDER@/x')\natexit._run_exitfuncs()",
    "audit": "import sys, os\nsys.addaudithook(lambda *a: None)\nos.mkdir('@FOLDER@/x')",
    "del-import": "import os as o\ndel o\nimport posix\nposix.mkdir('@FOLDER@/x')",
    "unicode-name": "print.__ｓelf__.open('@FOLDER@/x', 'w')",
    "copy-copyreg": "import copy\ncopy.copyreg.__builtins__['open']('@FOLDER@/x', 'w')",
    "copy-weakref": "import copy\ncopy.weakref.sys.modules['os'].mkdir('@FOLDER@/x')",
    "copy-reduce": "import copy\nclass R:\n    def __reduce_ex__(self, p): return (open, ('@FOLDER@/x', 'w'))\n"
    "copy.copy(R())",
    "copy-sets-any-attribute": "import copy\ndef f(): pass\nclass R:\n    def __reduce_ex__(self, p):\n"
    "        return (lambda: f, (), (None, {'__code__': open.__code__}))\ncopy.copy(R())\nopen('@FOLDER@/x', 'w')",
    "copy-reads-state": "import copy\nseen = []\nclass R:\n    def __deepcopy__(self, memo): seen.append(memo)\n"
    "copy.deepcopy([R(), print])\nseen[0].__class__.__base__.__subclasses__()\nopen('@FOLDER@/x', 'w')",
    "contextlib-chdir": "import contextlib\nwith contextlib.chdir('@FOLDER@'):\n    open('x', 'w')",
    "contextlib-sys": "import contextlib\ncontextlib.sys.modules['os'].mkdir('@FOLDER@/x')",
    "contextlib-os": "import contextlib\ncontextlib.os.mkdir('@FOLDER@/x')",
    "contextlib-generator": "import contextlib\n@contextlib.contextmanager\ndef m(): yield\n"
    "m().gen.gi_frame.f_builtins['open']('@FOLDER@/x', 'w')",
    "redirect-keeps-the-stream": "import contextlib, io\nr = contextlib.redirect_stdout(io.StringIO())\n"
    "r.__enter__()\ntype(r._old_targets[0].buffer.raw)('@FOLDER@/x', 'w')",
    "pprint-stream": "import pprint\ntype(pprint.PrettyPrinter()._stream.buffer.raw)('@FOLDER@/x', 'w')",
    "pprint-sys": "import pprint\npprint._sys.modules['os'].mkdir('@FOLDER@/x')",
    "stdout-raw": "import sys\ntype(sys.stdout.buffer.raw)('@FOLDER@/x', 'w')",
    "stdout-write-self": "import sys\ntype(sys.stdout.write.__self__.buffer.raw)('@FOLDER@/x', 'w')",
    "stdout-detach": "import sys\ntype(sys.stdout.detach().raw)('@FOLDER@/x', 'w')",
    "sys-real-streams": "import sys\ntype(sys.__stdout__.buffer.raw)('@FOLDER@/x', 'w')",
    "sys-frame": "import sys\nsys._getframe().f_builtins['open']('@FOLDER@/x', 'w')",
    "sys-frames": "import sys\nfor f in sys._current_frames().values():\n    f.f_back.f_builtins['open']('@FOLDER@/x', 'w')",
    "sys-class": "import sys\ntype(sys).stdout.fget.__globals__['os'].mkdir('@FOLDER@/x')",
    "sys-class-vars": "import sys\nvars(type(sys))['stdout'].fget.__globals__['os'].mkdir('@FOLDER@/x')",
    "sys-meta-path": "import sys\nsys.meta_path[0].find_spec('os').loader.load_module().mkdir('@FOLDER@/x')",
    "exit-globals": "exit.__globals__['os'].mkdir('@FOLDER@/x')",
    "input-globals": "import sys\nsys.stdin.read.__func__.__globals__['os'].mkdir('@FOLDER@/x')",
    "io-open": "import io\nprint(io.open('@SECRET@').read())",
    "io-open-code": "import io\nprint(io.open_code('@SECRET@').read())",
    "io-file": "import io\nio.FileIO('@FOLDER@/x', 'w')",
    "io-bases": "import io\nfor c in io.StringIO.__mro__:\n    for s in c.__subclasses__():\n"
    "        if s.__name__ == 'FileIO':\n            s('@FOLDER@/x', 'w')",
    "io-module": "import io\nio.os.mkdir('@FOLDER@/x')",
    "csv-io": "import csv\ncsv.io.open('@FOLDER@/x', 'w')",
    "csv-re": "import csv\ncsv.re.enum.sys.modules['os'].mkdir('@FOLDER@/x')",
    "csv-reader-globals": "import csv\ncsv.DictReader.__init__.__globals__['__builtins__']['open']('@FOLDER@/x', 'w')",
    "uuid-os": "import uuid\nuuid.os.mkdir('@FOLDER@/x')",
    "uuid-sys": "import uuid\nuuid.sys.modules['os'].mkdir('@FOLDER@/x')",
    "uuid-runs-programs": "import uuid\nuuid._get_command_stdout('touch', '@FOLDER@/x')",
    "uuid1-globals": "import uuid\nuuid.uuid1.__globals__['os'].mkdir('@FOLDER@/x')",
    "calendar-sys": "import calendar\ncalendar.sys.modules['os'].mkdir('@FOLDER@/x')",
    "calendar-locale": "import calendar\ncalendar._locale.os.mkdir('@FOLDER@/x')",
    "hashlib-file": "import hashlib\nprint(hashlib.file_digest(open('@SECRET@', 'rb'), 'md5'))\nprint(open('@SECRET@').read())",
    "hashlib-globals": "import hashlib\nhashlib.new.__globals__['__builtins__']['open']('@FOLDER@/x', 'w')",
    "base64-sys": "import base64\nbase64.re.enum.sys.modules['os'].mkdir('@FOLDER@/x')",
    "base64-main": "import base64\nbase64.main.__globals__['__builtins__']['open']('@FOLDER@/x', 'w')",
    "secrets-random": "import secrets\nsecrets.SystemRandom.__init__.__globals__['_os'].mkdir('@FOLDER@/x')",
    "zoneinfo-path": "import zoneinfo\nzoneinfo.reset_tzpath(to=('/',))\nprint(zoneinfo.ZoneInfo('@SECRET@'[1:]))\nprint(open('@SECRET@').read())",
    "zoneinfo-traversal": "import zoneinfo\ntry:\n    zoneinfo.ZoneInfo('../../../..@SECRET@')\nexcept Exception: pass\n"
    "print(open('@SECRET@').read())",
    "zoneinfo-os": "import zoneinfo\nzoneinfo._tzpath.os.mkdir('@FOLDER@/x')",
    "zoneinfo-names": "import zoneinfo\nzoneinfo.available_timezones.__globals__['os'].mkdir('@FOLDER@/x')",
    "array-to-file": "import array\narray.array('b', b'x').tofile(open('@FOLDER@/x', 'wb'))",
    "abc-dump": "import abc\nabc.ABCMeta._dump_registry.__globals__['__builtins__']['open']('@FOLDER@/x', 'w')",
    "numbers-register": "import numbers\nnumbers.Number.register.__func__.__globals__['__builtins__']['open']('@FOLDER@/x', 'w')",
    "unicodedata-loader": "import unicodedata\nunicodedata.__loader__.create_module\nopen('@FOLDER@/x', 'w')",
    "struct-array-address": "import array, struct, ctypes\na = array.array('b', b'x')\n"
    "ctypes.string_at(a.buffer_info()[0], 1)\nopen('@FOLDER@/x', 'w')",
    "time-globals": "import time\ntime.sleep.__globals__['os'].mkdir('@FOLDER@/x')",
    "numpy-memmap": "import numpy\nnumpy.memmap('@FOLDER@/x', mode='w+', shape=1)",
    "numpy-load": "import numpy\nprint(numpy.fromfile('@SECRET@', dtype='S1'))\nprint(open('@SECRET@').read())",
    "numpy-ctypes": "import numpy\nnumpy.ctypeslib.ctypes.CDLL(None).mkdir(b'@FOLDER@/x', 0o777)",
    "numpy-f2py": "import numpy.f2py\nnumpy.f2py.os.mkdir('@FOLDER@/x')",
    "fenced": "```python\nopen('@FOLDER@/x', 'w')\n```",
    "prompted": ">>> import os\n>>> os.mkdir('@FOLDER@/x')",
}
# These go for time, memory and output; they are judged by what the run takes.
EXHAUSTION = {
    "loop": "while True: pass",
    "loop-swallowing": "while True:\n    try:\n        while True: pass\n"
    "    except BaseException: pass",
    "recursive-swallowing": "def f():\n    try:\n        while True: pass\n    finally:\n        f()\nf()",
    "ignore-signals": "import signal\nfor s in range(1, 65):\n    try: signal.signal(s, signal.SIG_IGN)\n"
    "    except (OSError, ValueError): pass\nwhile True: pass",
    "sleep": "import time\ntime.sleep(60)",
    "short-sleeps": "import time\nwhile True: time.sleep(0.01)",
    "big-digest": "import hashlib\nhashlib.pbkdf2_hmac('sha256', b'x', b'y', 10 ** 9)",
    "big-scrypt": "import hashlib\nhashlib.scrypt(b'x', salt=b'y', n=2 ** 20, r=8, p=8, maxmem=2 ** 31 - 1)",
    "big-array": "import array\narray.array('q', [0]) * 10 ** 10",
    "big-integer-text": "str(9 ** 10 ** 6)",
    "closed-output": "import contextlib, sys\nsys.stdout = sys.stderr = None\nprint(1)\n1 / 0",
    "recursion-raised": "import sys\nsys.setrecursionlimit(10 ** 6)\ndef f(n): return f(n + 1)\nf(0)",
    "big-power": "9 ** 9 ** 9",
    "big-regex": "import re\nre.match(r'(a+)+$', 'a' * 40 + 'b')",
    "big-sum": "sum(range(10 ** 12))",
    "endless-repr": "class R:\n    def __repr__(self):\n        while True: pass\nR()",
    "endless-del": "class D:\n    def __del__(self):\n        while True: pass\nd = D()\ndel d",
    "endless-iterator": "import itertools\nlist(itertools.repeat(1))",
    "huge-bytes": "x = bytearray(4 * 10 ** 9)",
    "huge-list": "x = [0] * 10 ** 10",
    "growing-list": "x = []\nwhile True: x.append('y' * 10 ** 6)",
    "growing-string": "x = 'x'\nwhile True: x += x",
    "memory-swallowing": "x = []\nwhile True:\n    try: x.append(bytearray(10 ** 7))\n"
    "    except MemoryError: pass",
    "nested-list": "x = []\nfor _ in range(10 ** 6): x = [x]\nrepr(x)",
    "deep-source": "x = " + "(" * 5000 + ")" * 5000,
    "deep-operators": "x = " + "-" * 50_000 + "1",
    "recursion": "def f(n): return f(n + 1)\nf(0)",
    "recursion-unlimited": "import sys\nsys.setrecursionlimit(10 ** 9)\ndef f(): return f()\nf()",
    "comparison-recursion": "a = []; a.append(a); b = []; b.append(b)\na == b",
    "print-forever": "while True: print('x' * 1000)",
    "print-huge": "print('x' * 10 ** 8)",
    "huge-value": "'x' * 10 ** 7",
    "huge-error": "raise ValueError('x' * 10 ** 7)",
    "stderr-forever": "import sys\nwhile True: sys.stderr.write('x' * 1000)",
    "descriptors-forever": "import os\nx = []\nwhile True: x.append(os.dup(1))",
    "threads-forever": "import threading, time\n"
    "while True: threading.Thread(target=time.sleep, args=(60,)).start()",
    "abort": "import os\nos.abort()",
    "crash": "import ctypes\nctypes.string_at(0)",
    "exit": "import os\nos._exit(0)",
    "close-all": "import os\nos.closerange(0, 100)",
    "garbage-to-channel": "import os\nfor fd in range(3, 10):\n    try: os.write(fd, b'\\xff' * 8)\n"
    "    except OSError: pass",
    "nested-json-to-channel": "import os\nd = b'[' * 200000\n"
    "for fd in range(3, 10):\n    try: os.write(fd, len(d).to_bytes(4, 'big') + d)\n"
    "    except OSError: pass\nwhile True: pass",
}
HARMFUL = {"files": FILES, "environment": ENVIRONMENT, "processes": PROCESSES, "network": NETWORK}
HARMFUL |= {"ctypes": CTYPES, "escapes": ESCAPES}
