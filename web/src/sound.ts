// What the editor knows of the sound: how loud it is frame by frame, and what was found in it. Never stored in
// the workflow.

import { FPS, type Span } from "./axis.ts"

/** Laughter, a sigh and the like, from second to second. */
export interface Vocalization {
  readonly start: number
  readonly end: number
  readonly label: string
}

export interface Sound {
  readonly seconds: number
  /** Lowest and highest sample of every video frame, as pairs, full scale being 127. */
  readonly peaks: Int8Array
  /** Where it can be heard; "" where it cannot. */
  readonly url: string
}

/** Of full scale; frames that stay below count as silent. */
const SILENT = 2

/** Peaks of 25 frames a second, as Python sends them. */
export function peaksFromBase64(text: string): Int8Array {
  const bytes = atob(text)
  return Int8Array.from({ length: bytes.length }, (_, i) => (bytes.charCodeAt(i) << 24) >> 24)
}

/** Peaks of decoded audio, its channels averaged. */
export function peaksOf(channels: readonly Float32Array[], rate: number): Int8Array {
  const length = channels[0]?.length ?? 0
  const perFrame = rate / FPS
  const peaks = new Int8Array(2 * Math.ceil(length / perFrame))
  for (let frame = 0; 2 * frame < peaks.length; frame++) {
    const end = Math.min(length, Math.round((frame + 1) * perFrame))
    let low = 0
    let high = 0
    for (let i = Math.round(frame * perFrame); i < end; i++) {
      let sum = 0
      for (const channel of channels) sum += channel[i]!
      const sample = sum / channels.length
      if (sample < low) low = sample
      if (sample > high) high = sample
    }
    peaks[2 * frame] = Math.max(-127, Math.round(127 * low))
    peaks[2 * frame + 1] = Math.min(127, Math.round(127 * high))
  }
  return peaks
}

/** One column of a waveform's picture. */
export interface Column {
  readonly low: number
  readonly high: number
  readonly silent: boolean
}

/** The waveform of a span in so many columns, each in [-1, 1] of the sound's loudest sample. */
export function columns(sound: Sound, span: Span, count: number): Column[] {
  const { peaks } = sound
  const frames = peaks.length / 2
  const loudest = loudestOf(peaks)
  return Array.from({ length: count }, (_, column) => {
    const at = (c: number) => (span.from + ((span.to - span.from) * c) / count) * FPS
    const first = Math.max(0, Math.floor(at(column)))
    const last = Math.min(frames, Math.max(first + 1, Math.ceil(at(column + 1))))
    let low = 0
    let high = 0
    for (let frame = first; frame < last; frame++) {
      low = Math.min(low, peaks[2 * frame]!)
      high = Math.max(high, peaks[2 * frame + 1]!)
    }
    return { low: low / loudest, high: high / loudest, silent: first < frames && Math.max(high, -low) < SILENT }
  })
}

const loudest = new WeakMap<Int8Array, number>()

function loudestOf(peaks: Int8Array): number {
  let most = loudest.get(peaks)
  if (most === undefined) {
    most = 8 // what is nearly silent throughout is not blown up
    for (const peak of peaks) if (Math.abs(peak) > most) most = Math.abs(peak)
    loudest.set(peaks, most)
  }
  return most
}

const decoded = new Map<string, Promise<Sound>>()

/** Fetches and decodes an audio file, once. */
export function soundAt(url: string): Promise<Sound> {
  let sound = decoded.get(url)
  if (!sound) {
    sound = load(url)
    sound.catch(() => decoded.delete(url)) // to be tried again
    decoded.set(url, sound)
  }
  return sound
}

async function load(url: string): Promise<Sound> {
  const response = await fetch(url)
  if (!response.ok) throw new Error(`${url}: ${response.status}`)
  const context = new OfflineAudioContext(1, 1, 16_000)
  const audio = await context.decodeAudioData(await response.arrayBuffer())
  const channels = Array.from({ length: audio.numberOfChannels }, (_, i) => audio.getChannelData(i))
  return { seconds: audio.duration, peaks: peaksOf(channels, audio.sampleRate), url }
}
