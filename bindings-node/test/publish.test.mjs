// What is published, installed where there is nothing else.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { after, test } from 'node:test'

const script = fileURLToPath(new URL('../scripts/build-npm.mjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'trunkline-npm-'))
after(() => rmSync(folder, { recursive: true }))
execFileSync(process.execPath, [script, join(folder, 'npm')])
const read = (name) => JSON.parse(readFileSync(join(folder, 'npm', name, 'package.json'), 'utf8'))

test('there is a package for each platform, and the main one depends on all', () => {
  const platforms = readdirSync(join(folder, 'npm')).filter((name) => name !== 'trunkline')
  assert.equal(platforms.length, 8)
  const main = read('trunkline')
  const names = platforms.map((platform) => read(platform).name)
  assert.deepEqual(Object.keys(main.optionalDependencies).sort(), names.sort())
  for (const platform of platforms) {
    const { version, os, cpu, libc, main: module } = read(platform)
    assert.equal(version, main.version)
    assert.deepEqual([os.length, cpu.length], [1, 1])
    assert.equal(os[0] === 'linux', libc !== undefined)
    assert.match(module, /^trunkline\..+\.node$/)
  }
  assert.equal(main.devDependencies, undefined)
  assert.equal(main.scripts, undefined)
})

test('installed with its platform, it loads in both module systems; without, it says so', () => {
  const built = readdirSync(join(folder, 'npm')).find((name) =>
    readdirSync(join(folder, 'npm', name)).some((file) => file.endsWith('.node')),
  )
  assert.ok(built, 'the module is built')
  const pack = (name) => {
    const [{ filename }] = JSON.parse(
      execFileSync('npm', ['pack', '--json', '--silent', '--pack-destination', folder], {
        cwd: join(folder, 'npm', name),
        encoding: 'utf8',
      }),
    )
    return filename
  }
  const unpack = (filename, name) => {
    const to = join(folder, 'node_modules', name)
    mkdirSync(to, { recursive: true })
    execFileSync('tar', ['-xzf', join(folder, filename), '-C', to, '--strip-components', '1'])
    return to
  }
  unpack(pack('trunkline'), 'trunkline')
  const run = (file, text) => {
    writeFileSync(join(folder, file), text)
    return spawnSync(process.execPath, [join(folder, file)], { encoding: 'utf8' })
  }
  const common = "console.log(require('trunkline').mulaw.encodeSample(0))"
  assert.match(run('without.cjs', common).stderr, /trunkline has no build for this machine/)
  const platform = unpack(pack(built), read(built).name)
  assert.equal(run('with.cjs', common).stdout, '255\n', platform)
  const esm = "import { mulaw } from 'trunkline'; console.log(mulaw.decodeSample(128))"
  assert.equal(run('with.mjs', esm).stdout, '32124\n')
})
