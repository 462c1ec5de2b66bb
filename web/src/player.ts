// Hearing the sound, with its place told as it runs.

export class Player {
  private readonly audio = new Audio()
  private url = ""
  private frame = 0

  constructor(private readonly onTime: (seconds: number) => void) {
    this.audio.addEventListener("ended", () => this.stop())
  }

  get playing(): boolean {
    return this.frame !== 0
  }

  get canPlay(): boolean {
    return this.url !== ""
  }

  setUrl(url: string): void {
    if (url === this.url) return
    this.stop()
    this.url = url
    this.audio.preload = "none"
    if (url) this.audio.src = url
    else this.audio.removeAttribute("src")
  }

  toggle(from: number): void {
    if (this.playing) this.stop()
    else if (this.canPlay) void this.start(from)
  }

  stop(): void {
    cancelAnimationFrame(this.frame)
    this.frame = 0
    this.audio.pause()
    this.onTime(this.audio.currentTime || 0)
  }

  private async start(from: number): Promise<void> {
    this.audio.currentTime = this.audio.duration && from >= this.audio.duration - 0.05 ? 0 : from
    try {
      await this.audio.play()
    } catch (error) {
      console.warn("KeyFace: the sound cannot be played:", error)
      return
    }
    const tick = () => {
      this.onTime(this.audio.currentTime)
      if (this.frame) this.frame = requestAnimationFrame(tick)
    }
    this.frame = requestAnimationFrame(tick)
  }
}
