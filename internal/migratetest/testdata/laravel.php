<?php
// Writes laravel.json with what Laravel itself stores and sends, on Debian:
//
//	apt-get install php-cli php-illuminate-session php-illuminate-encryption php-illuminate-cookie
//	php laravel.php > laravel.json

require '/usr/share/php/Illuminate/Session/autoload.php';
require '/usr/share/php/Illuminate/Encryption/autoload.php';
require '/usr/share/php/Illuminate/Cookie/autoload.php';

use Illuminate\Cookie\CookieValuePrefix;
use Illuminate\Encryption\Encrypter;
use Illuminate\Session\EncryptedStore;
use Illuminate\Session\Store;

// A handler does what DatabaseSessionHandler does to the data.
class Handler implements SessionHandlerInterface
{
	public string $payload = '';
	public function open($path, $name): bool { return true; }
	public function close(): bool { return true; }
	public function read($id): string { return ''; }
	public function write($id, $data): bool { $this->payload = base64_encode($data); return true; }
	public function destroy($id): bool { return true; }
	public function gc($lifetime): int { return 0; }
}

class Point { public int $x = 1; private $y = 'two'; }
enum Suit: string { case Hearts = 'h'; }

$out = [];
foreach (['AES-256-CBC', 'AES-128-CBC', 'AES-256-GCM'] as $cipher) {
	$key = str_repeat('k', str_contains($cipher, '256') ? 32 : 16);
	$encrypter = new Encrypter($key, $cipher);
	foreach ([false, true] as $encrypted) {
		foreach (['login', 'visit', 'object'] as $what) {
			$handler = new Handler;
			$session = $encrypted ? new EncryptedStore('laravel_session', $handler, $encrypter) : new Store('laravel_session', $handler);
			$session->start();
			if ($what == 'visit') {
				$session->put('name', 'guest');
			} else {
				$session->put('login_web_' . sha1('Illuminate\Auth\SessionGuard'), 42);
				$session->put('password_hash_web', '$2y$10$…');
				$session->put('name', 'Ana');
				$session->put('visits', 7);
				$session->put('cart', ['tea', 'milk']);
				$session->put('seen', '2026-10-31T23:59:58Z');
				$session->put('settings', ['dark' => true, 'ratio' => 0.5, 'none' => null, 'ü' => 'größer', 7 => 'seven']);
				$session->put('url.intended', 'https://example.com/account');
				$session->flash('status', 'Saved.');
			}
			if ($what == 'object') {
				$session->put('where', new Point);
				$session->put('suit', [Suit::Hearts]);
			}
			$session->save();
			$out[] = [
				'cipher' => $cipher, 'key' => 'base64:' . base64_encode($key), 'encrypted' => $encrypted, 'what' => $what,
				'id' => $session->getId(), 'payload' => $handler->payload,
				// As the Set-Cookie header has it.
				'cookie' => rawurlencode($encrypter->encrypt(CookieValuePrefix::create('laravel_session', $key) . $session->getId(), false)),
				'json' => base64_encode(json_encode(array_filter($session->all(), fn ($v) => !is_object($v)))),
			];
		}
	}
}
echo json_encode($out, JSON_PRETTY_PRINT), "\n";
