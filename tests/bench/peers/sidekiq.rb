# The job of Sidekiq and what its process writes of it. `ruby sidekiq.rb enqueue` puts all jobs into the
# queue; `sidekiq -r ./sidekiq.rb` works. README.md says what a program is given and what it writes.

require "connection_pool"
require "pg"
require "sidekiq"

DURABLE = ENV["PEER_DURABLE"] == "1"
CONCURRENCY = Integer(ENV.fetch("PEER_CONCURRENCY"))
SQL = File.read(File.join(__dir__, "work.sql"))

Sidekiq.logger.level = Logger::WARN
Sidekiq.configure_server { |config| config.redis = { url: ENV.fetch("PEER_REDIS_URL") } }
Sidekiq.configure_client { |config| config.redis = { url: ENV.fetch("PEER_REDIS_URL") } }

POOL = ConnectionPool.new(size: CONCURRENCY) do
  connection = PG.connect(ENV.fetch("PEER_DATABASE_URL"))
  connection.prepare("work", SQL)
  connection
end

# How many bodies have run here, when the first and the last.
module Tally
  FILE = File.join(ENV.fetch("PEER_DIR"), "tally.#{Process.pid}")
  LOCK = Mutex.new
  @count = 0
  @first = @last = 0.0

  def self.ran
    LOCK.synchronize do
      @last = Process.clock_gettime(Process::CLOCK_REALTIME)
      @first = @last if @count.zero?
      @count += 1
    end
  end

  def self.write
    File.write("#{FILE}.new", "#{@count} #{@first} #{@last}\n")
    File.rename("#{FILE}.new", FILE)
  end
end

class Work
  include Sidekiq::Worker

  def perform(id)
    POOL.with { |connection| connection.exec_prepared("work", [id]) } if DURABLE
    Tally.ran
  end
end

Sidekiq.configure_server do |config|
  config.on(:startup) do
    Thread.new do
      loop do
        Tally.write
        sleep 0.05
      end
    end
  end
end

if ARGV == ["enqueue"]
  (1..Integer(ENV.fetch("PEER_JOBS"))).each_slice(1000) do |ids|
    Sidekiq::Client.push_bulk("class" => Work, "args" => ids.map { |id| [id] })
  end
end
