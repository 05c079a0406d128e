/** What `errand --help` prints. */
export const HELP = `Errand runs long work: start it, watch it, cancel it.

Usage: errand <command> [options]

Commands:
  serve      serve tasks over HTTP; see errand serve --help
  worker     handle the runs of a fleet; see errand worker --help
  backup     let the running server copy its file; see errand backup --help

Options:
  -h, --help     show this help
  -v, --version  show the version
`;

/** What `errand serve --help` prints. */
export const SERVE_HELP = `Serves tasks over HTTP. Runs live in a file, and outlive the server.

Usage: errand serve [--tasks <module>] [--examples] [--no-work] [--insecure]

Options:
  --tasks <module>  a module that exports tasks, each made by defineTask, or an
                    array of them named tasks; may be given more than once
  --examples        serve the examples import-products and slow-report
                    (they are in the repository, not in the package)
  --no-work         handle no runs here: errand worker, or a later server, does
  --insecure        allow a HOST that other computers can reach
  -h, --help        show this help

Environment:
  HOST            where to listen (default 127.0.0.1). There is no access control
                  yet, so only this computer may be let in, unless --insecure is given
  PORT            the port to listen on (default 3000; 0 takes any free one)
  ERRAND_DATA     the folder for files (default data/)
  ERRAND_BACKEND  where runs live: sqlite (default), that is the file errand.db in
                  ERRAND_DATA; memory, which ends with the server; or a server that
                  any number of processes share: redis://, rediss://, postgres://
                  or postgresql://user:password@host:port/name
  LOG_LEVEL       trace, debug, info (default), warn, error, fatal or silent

What happens is logged to stderr as JSON. SIGTERM and SIGINT let running work end,
for 10 seconds at most; a second one ends the server at once.
`;

/** What `errand worker --help` prints. */
export const WORKER_HELP = `Handles runs that other processes have accepted. Start as many as you like, anywhere.

Usage: errand worker [--tasks <module>] [--examples] [--queues <names>]
                     [--concurrency <number>]

Options:
  --tasks <module>        as for errand serve; runs of other tasks are left to others
  --examples              work on the examples import-products and slow-report
  --queues <names>        only tasks of these queues: names or patterns with *,
                          such as mail,reports-*; may be given more than once
  --concurrency <number>  how many handlers are at work at once (default 64)
  -h, --help              show this help

Environment:
  ERRAND_BACKEND  the server that the runs are on: redis://, rediss://, postgres://
                  or postgresql://user:password@host:port/name. Has no default
  ERRAND_DATA     the folder for the files of imports, the same one for all processes;
                  imports are left to others unless it is set
  HOST, PORT      where /healthz and /readyz are answered (default 127.0.0.1, and any
                  free port, which is printed)
  LOG_LEVEL       trace, debug, info (default), warn, error, fatal or silent

SIGTERM and SIGINT let running work end, for 10 seconds at most; what has not ended by
then goes back, and another worker begins it again. A second one ends the worker at once.
`;

/** What `errand backup --help` prints. */
export const BACKUP_HELP = `Lets the running server make a copy of the file that its runs are in, while they go on.
The copy goes to the folder backups of the server's ERRAND_DATA; its name is printed.

Usage: errand backup

Options:
  -h, --help  show this help

Environment:
  ERRAND_URL  where the server is (default http://127.0.0.1:3000)
`;
